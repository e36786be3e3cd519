//! Log files: follows what the configured paths and patterns name, through every kind of rotation.
//!
//! In: [`FilesConfig`] and the cursors of an earlier run. Out: batches, the oldest bytes of a file
//! first. One thread reads; it sleeps until the kernel says that something changed.

use super::Sink;
use super::joined::Join;
use super::reader::Reader;
use super::supervise::{Outlet, Signal, supervise};
use crate::event::Origin;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use super::supervise::Handle;

/// Where reading begins in a file that was never read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At its end: only lines written from now on.
    #[default]
    End,
    /// At its beginning.
    Beginning,
}

/// What to follow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// Paths or patterns (`*`, `?`, `[a-z]`, `**`) of the logs. A path need not exist yet.
    pub paths: Vec<String>,
    /// Patterns of rotated files that do not lie beside their log (logrotate's `olddir`).
    #[serde(default)]
    pub rotated: Vec<String>,
    /// Where reading begins in a file that is there when riposte first sees the path: `end` or
    /// `beginning`. A file that appears later is read from its beginning.
    #[serde(default)]
    pub from: Start,
    /// Look for changes this often instead of being told by the kernel. Set by itself where the
    /// kernel can't tell (NFS, SMB, FUSE, too few inotify watches): then once a second.
    #[serde(default, with = "duration_option")]
    pub poll: Option<Duration>,
    /// A rotated file is read until nothing was written to it for this long.
    #[serde(default = "rotated_wait", with = "crate::clock::duration_text")]
    pub rotated_wait: Duration,
    /// A file that has grown without being read for this long raises an alarm.
    #[serde(default = "stall", with = "crate::clock::duration_text")]
    pub stall: Duration,
    /// Whether lines go on in the next ones; set by the source's type.
    #[serde(skip)]
    pub join: Join,
    /// Where to keep what makes streams surer to recognise; set by riposte, not by its user.
    #[serde(skip)]
    pub state_dir: Option<PathBuf>,
}

fn rotated_wait() -> Duration {
    Duration::from_secs(30)
}

fn stall() -> Duration {
    Duration::from_secs(10)
}

mod duration_option {
    use crate::clock::duration_text;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => duration_text::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(with = "duration_text")] Duration);
        Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
    }
}

impl FilesConfig {
    /// The defaults for some paths.
    pub fn new<S: Into<String>>(paths: impl IntoIterator<Item = S>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            rotated: Vec::new(),
            from: Start::End,
            poll: None,
            rotated_wait: rotated_wait(),
            stall: stall(),
            join: Join::No,
            state_dir: None,
        }
    }

    /// What is wrong with what was written, each fault in a sentence.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.paths.is_empty() {
            faults.push(
                "`paths` names no file\nhint: `paths = [\"/var/log/nginx/access.log\"]`".to_owned(),
            );
        }
        for pattern in self.paths.iter().chain(&self.rotated) {
            if let Err(error) = glob::Pattern::new(pattern) {
                faults.push(format!("`{pattern}` is not a pattern: {}", error.msg));
            }
        }
        if self.poll.is_some_and(|poll| poll < Duration::from_millis(10)) {
            faults.push("`poll` must be `10ms` or more".to_owned());
        }
        if self.stall < Duration::from_millis(100) {
            faults.push("`stall` must be `100ms` or more".to_owned());
        }
        faults
    }
}

/// The source of log files.
#[derive(Debug)]
pub struct Files;

impl Files {
    /// Starts to follow. `resume` holds the last committed cursor of each stream of this source;
    /// cursors of other sources are passed over. Fails only when no thread can be started.
    pub fn start(
        name: &str,
        config: FilesConfig,
        resume: Vec<(Origin, u64)>,
        sink: Arc<dyn Sink>,
    ) -> std::io::Result<Handle> {
        let ours = resume.into_iter().filter(|(origin, _)| &*origin.source == name);
        let outlet = Outlet::new(name, sink, ours);
        let signal = Signal::new();
        let stall = config.stall;
        let (body_outlet, body_signal) = (Arc::clone(&outlet), Arc::clone(&signal));
        let body = move || {
            Reader::new(&config, &body_outlet, &body_signal).run();
            Ok(())
        };
        supervise(outlet, signal, stall, Arc::new(body))
    }
}
