//! The trait every source of frames obeys.

use super::SourceError;
use crate::model::{Frame, SourceInfo, SourceStats};

/// What a source has for its caller now.
#[derive(Debug)]
pub enum Next<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// What [`PacketSource::info`] of that source says has grown: interfaces, names, secrets, a warning. Comes before the
    /// first frame that depends on it. The number is the frame's `source`: 0 where there is only one.
    Changed(u16),
    /// Nothing came within the source's poll time; only live sources say this.
    Idle,
    /// Nothing will come any more: end of the file, or the interface was closed.
    End,
}

/// A place frames come from.
pub trait PacketSource {
    /// The next frame. An error is final: everything before it was handed out, and a later call gives [`Next::End`].
    fn next(&mut self) -> Result<Next<'_>, SourceError>;

    /// What is known so far: a pcapng file may name more interfaces later on.
    fn info(&self) -> &SourceInfo;

    /// Counters so far. Never reset by reading.
    fn stats(&mut self) -> SourceStats;
}
