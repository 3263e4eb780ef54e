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
    /// Nothing is there just now: hand on what you have and ask again, which waits for up to 100 ms. Live sources and pipes say
    /// this, regular files never do.
    Idle,
    /// All that had come is handed out; the next call may wait. Comes once after each burst, so that outputs can gather
    /// while there is more and hand on when there is not. Only live sources say this.
    Drained,
    /// Something happened to an interface; the source goes on. Only live sources say this.
    Notice(SourceNotice),
    /// Nothing will come any more: end of the file, or the interface was closed.
    End,
}

/// What happens to a live interface while the capture goes on. The number counts `SourceInfo::interfaces`.
///
/// An interface that vanishes while others remain is `Gone`; when none remains, the source ends with
/// [`SourceError::InterfaceGone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceNotice {
    /// It went down; its frames come again when it is up.
    Down {
        /// Which.
        interface: u32,
    },
    /// It is up again.
    Up {
        /// Which.
        interface: u32,
    },
    /// It was removed, or moved to another network namespace.
    Gone {
        /// Which.
        interface: u32,
    },
}

/// A place frames come from.
pub trait PacketSource {
    /// The next frame. An error is final: everything before it was handed out, and a later call gives [`Next::End`].
    fn next(&mut self) -> Result<Next<'_>, SourceError>;

    /// Gives the frames that lie ready behind the one given last, in their order, without a look at anything else: at most `most`,
    /// until `each` answers false. Returns how many. A source need not give any; then, as where it has none left,
    /// [`Self::next`] is to be asked.
    fn rest(&mut self, _most: u64, _each: &mut dyn FnMut(&mut Frame<'_>) -> bool) -> u64 {
        0
    }

    /// What is known so far: a pcapng file may name more interfaces later on.
    fn info(&self) -> &SourceInfo;

    /// Counters so far. Never reset by reading.
    fn stats(&mut self) -> SourceStats;

    /// As [`Self::stats`], for who asks many times a second: what is slow to ask for (live, what the interface dropped) is that of
    /// the last call of it.
    fn kernel_stats(&mut self) -> SourceStats {
        self.stats()
    }

    /// Ends a capture: nothing more comes in. What had come by then is still given by [`Self::next`], which then says
    /// [`Next::End`]; after that the counters are final. Saved captures have no gate.
    fn close_gate(&mut self) {}

    /// Ends a capture at once: what had come and was not given yet is counted as [`SourceStats::unread`]. Takes up to 0.1 s
    /// beyond the counting, and makes the counters final. For saved captures it does nothing.
    fn skip_rest(&mut self) {}
}
