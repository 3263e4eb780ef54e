//! The text of packets that wait: made when they come, so that less of them has to be kept.

use crate::decode::Packet;
use crate::event::{Keep, Sink};
use crate::flow::Note;
use crate::model::Frame;
use std::io;

/// The text of a packet that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draft {
    /// This output makes none, of no packet.
    Never,
    /// It is as it is to be written.
    Whole,
    /// The words of the verdict, which is open, are missing: they belong so many bytes behind its beginning.
    Open(usize),
}

/// An output that can make the text of a packet while its verdict is still open. While that waits, events that are no packets go
/// past it.
pub trait Drafts: Sink {
    /// Appends the text of a packet as it is to be written; of one whose verdict is open all but the words of that.
    fn draft(&mut self, _: &mut Vec<u8>, _: &Frame<'_>, _: &Packet<'_>, _: &Note) -> Draft {
        Draft::Never
    }

    /// Writes such a text; of an open one, with the words of the verdict that the note has by now where they belong.
    fn write_draft(&mut self, text: &[u8], verdict: Option<(usize, &Note)>) -> io::Result<Keep> {
        let _ = (text, verdict);
        Ok(Keep::Going)
    }
}
