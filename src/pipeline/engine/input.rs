//! The two ways to the engine's thread.

use super::Message;
use crate::limits;
use crate::pipeline::feed::Delivery;
use crossbeam_channel::{Receiver, Sender, bounded};

/// The two ways to the engine's thread. Batches have one of their own, so that a person or a stop
/// signal is heard also while sources are held back.
#[derive(Clone)]
pub struct Inputs {
    /// Matched batches, held while the engine is behind.
    pub batches: Sender<Box<Delivery>>,
    /// Everything else.
    pub control: Sender<Message>,
}

/// The engine's end of [`Inputs`].
pub struct InputsTaken {
    /// Matched batches.
    pub batches: Receiver<Box<Delivery>>,
    /// Everything else.
    pub control: Receiver<Message>,
}

impl Inputs {
    /// Both ends.
    pub fn new() -> (Self, InputsTaken) {
        let (batches, batches_taken) = bounded(limits::BATCHES_QUEUED_MAX);
        let (control, control_taken) = bounded(limits::CONTROL_MESSAGES_MAX);
        (Self { batches, control }, InputsTaken { batches: batches_taken, control: control_taken })
    }
}
