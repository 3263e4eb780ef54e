//! One frame as a source hands it over: bytes and what the capture knows of them.

use super::{ByteOrder, LinkType, Timestamp};

/// Which way a frame went, as seen from the capturing host (pcapng `epb_flags`, Linux packet type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameDirection {
    /// Received by the host.
    Inbound,
    /// Sent by the host.
    Outbound,
}

/// Options of a pcapng packet block as they stand in the file, kept so that a copy loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameOptions<'a> {
    /// The raw options of the block, without `opt_endofopt`.
    pub bytes: &'a [u8],
    /// Byte order of the section they came from.
    pub order: ByteOrder,
}

/// What the capturing system said of a frame beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMarks {
    /// Packets that the capture lost between the frame before it on its interface and this one: dropped by the interface, by
    /// the kernel, or by sockeye (pcapng `epb_dropcount`). Live, exact in sum; in place to the block of the kernel's ring.
    pub dropped_before: u64,
    /// The host had left the transport checksum to its network card, so what stands in the bytes is no checksum
    /// (`TP_STATUS_CSUMNOTREADY`, bit 9 of pcapng's `epb_flags`).
    pub checksum_pending: bool,
    /// The host had left the cutting into segments to its network card, or put received segments together, so the frame is
    /// none that went over a wire (`TP_STATUS_GSO_TCP`, bit 11 of pcapng's `epb_flags`).
    pub gso: bool,
}

impl FrameMarks {
    /// Nothing was said.
    pub const NONE: Self = Self { dropped_before: 0, checksum_pending: false, gso: false };
}

/// A captured frame. The bytes belong to the source and are gone when the next frame is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in its source, from 1.
    pub number: u64,
    /// Which source of this run (several files, several live interfaces), from 0.
    pub source: u16,
    /// Which interface of that source, an index into its `SourceInfo::interfaces`.
    pub interface: u32,
    /// Capture time. A pcapng Simple Packet Block has none: it bears the time of the packet before it in its source, and
    /// `Timestamp::default()` (the epoch) where there is none; the source warns.
    pub ts: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
    /// Length on the wire in bytes; at least `bytes.len()` in sane files, never relied on.
    pub wire_len: u32,
    /// What was captured.
    pub bytes: &'a [u8],
    /// Way of the frame, where the capture knows it.
    pub direction: Option<FrameDirection>,
    /// Options of the pcapng block this came from.
    pub options: Option<FrameOptions<'a>>,
    /// What the capturing system said beside the bytes.
    pub marks: FrameMarks,
}
