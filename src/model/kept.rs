//! A frame that is kept: bytes of its own, where those of a [`Frame`] belong to its source.

use super::{ByteOrder, Frame, FrameDirection, FrameMarks, FrameOptions, LinkType, Timestamp};

/// A frame of its own.
#[derive(Clone, Debug)]
pub struct KeptFrame {
    number: u64,
    source: u16,
    interface: u32,
    ts: Timestamp,
    link: LinkType,
    wire_len: u32,
    bytes: Box<[u8]>,
    direction: Option<FrameDirection>,
    options: Option<(Box<[u8]>, ByteOrder)>,
    marks: FrameMarks,
}

impl KeptFrame {
    /// Copies it.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Self {
        Self {
            number: frame.number,
            source: frame.source,
            interface: frame.interface,
            ts: frame.ts,
            link: frame.link,
            wire_len: frame.wire_len,
            bytes: frame.bytes.into(),
            direction: frame.direction,
            options: frame.options.map(|options| (options.bytes.into(), options.order)),
            marks: frame.marks,
        }
    }

    /// What it takes in memory, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + self.options.as_ref().map_or(0, |(bytes, _)| bytes.len())
    }

    /// As it came.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            number: self.number,
            source: self.source,
            interface: self.interface,
            ts: self.ts,
            link: self.link,
            wire_len: self.wire_len,
            bytes: &self.bytes,
            direction: self.direction,
            options: self.options.as_ref().map(|(bytes, order)| FrameOptions { bytes, order: *order }),
            marks: self.marks,
        }
    }
}
