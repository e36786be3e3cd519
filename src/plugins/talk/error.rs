//! Why a talk ended. No text holds a secret, or a character that could move a terminal.

/// Why a talk with a plugin's program ended, or never began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TalkError {
    /// The program can't be started.
    #[error("failed to start its program: {0}")]
    Start(String),
    /// A secret that the config names can't be had.
    #[error("its secret `{name}` can't be had: {why}")]
    Secret {
        /// As the config names it.
        name: String,
        /// Why.
        why: String,
    },
    /// It did not say that it is ready.
    #[error("it was not ready after {millis} ms")]
    NotReady {
        /// The limit.
        millis: u128,
    },
    /// It speaks another protocol.
    #[error("{}", version_words(*.0))]
    Version(Option<u64>),
    /// It says itself that it can't work.
    #[error("it says: {0}")]
    Fault(String),
    /// What it said is no message.
    #[error("it speaks nonsense: {0}")]
    Nonsense(String),
    /// A line without an end.
    #[error("it wrote a line of more than {bytes} bytes")]
    TooLong {
        /// The limit.
        bytes: usize,
    },
    /// It says too much.
    #[error("it floods its {output}: more than {limit} in a second")]
    Flood {
        /// `output` or `log`.
        output: &'static str,
        /// The limit, with its unit.
        limit: String,
    },
    /// It does not read what it is told.
    #[error("it does not read its input: {0}")]
    NotReading(String),
    /// It did not answer in time.
    #[error("it did not answer within {millis} ms")]
    Silent {
        /// The limit.
        millis: u128,
    },
    /// It ended, or closed its output.
    #[error("{0}")]
    Ended(String),
    /// It was told to stop.
    #[error("it was told to stop")]
    Stopped,
}

fn version_words(spoken: Option<u64>) -> String {
    let ours = super::PROTOCOL;
    match spoken {
        Some(theirs) => format!("it speaks protocol {theirs}, riposte speaks protocol {ours}"),
        None => format!("it does not say which protocol it speaks; riposte speaks protocol {ours}"),
    }
}
