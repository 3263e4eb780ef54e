//! A packet as the tracker is given it, and as its steps hand it on.

use crate::decode::{Network, Packet, TcpFlags};
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::flow::Place;
use crate::flow::key::{End, Ends, FlowKey};
use crate::flow::record::Wrapping;
use crate::flow::tcp::{Segment, Sighting};
use crate::flow::zeek::{FirstFlags, Sight};
use crate::model::{FrameMarks, Timestamp};

/// What the capture knows of a packet. For a datagram joined from fragments: of the last piece, and of all of them together.
#[derive(Clone, Copy, Debug)]
pub struct PacketMeta {
    /// Which source of the run.
    pub source: u16,
    /// Which interface of that source.
    pub interface: u32,
    /// Number in that source, from 1.
    pub number: u64,
    /// Capture time.
    pub ts: Timestamp,
    /// Bytes of all its frames on the wire.
    pub wire_bytes: u64,
    /// Number of frames, 1 but for joined datagrams.
    pub frames: u32,
    /// What the capturing system said beside the bytes. What it dropped is told by
    /// [`Tracker::on_drops`](crate::flow::Tracker::on_drops), of every frame.
    pub marks: FrameMarks,
    /// Of a datagram joined from fragments: what its pieces were.
    pub pieces: Option<Pieces>,
}

/// The fragments of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// Source and number of the one that came first.
    pub first: (u16, u64),
    /// When that was.
    pub start: Timestamp,
    /// Sum of their IP lengths, headers included, bytes.
    pub ip_bytes: u64,
}

/// A packet as the steps below hand it on.
pub(super) struct Seen<'p, 'f> {
    pub(super) meta: &'p PacketMeta,
    pub(super) packet: &'p Packet<'f>,
    pub(super) ends: Ends,
    pub(super) sender: End,
    pub(super) segment: Option<Segment<'f>>,
    pub(super) now: Timestamp,
    /// Its checksum is taken for right.
    pub(super) sound: bool,
    /// As Zeek sees it, where that is wanted.
    pub(super) sight: Option<Sight>,
    /// What is nearest around it, where that is wanted.
    pub(super) wrapping: Option<Wrapping>,
}

impl<'f> Seen<'_, 'f> {
    pub(super) const fn sighting<'a>(
        &'a self,
        key: &'a FlowKey,
        segment: &'a Segment<'f>,
        accepted: bool,
        drops: &'a CaptureDrops,
    ) -> Sighting<'a, 'f> {
        let Place { source, number, ts } = self.place();
        Sighting { key, from: self.sender, accepted, segment, packet: self.packet, source, number, ts, drops }
    }

    /// Flags of a TCP packet, for who is turned round at first.
    pub(super) fn flags(&self) -> Option<FirstFlags> {
        let segment = self.segment.as_ref()?;
        let (syn, ack) = (segment.has(TcpFlags::SYN), segment.has(TcpFlags::ACK));
        Some(FirstFlags { pure_syn: syn && !ack, syn_ack: syn && ack })
    }

    pub(super) const fn place(&self) -> Place {
        Place { source: self.meta.source, number: self.meta.number, ts: self.meta.ts }
    }
}

/// TTL or hop limit of the innermost IP header.
pub(in crate::flow) fn ttl(packet: &Packet<'_>) -> u8 {
    let at = if packet.network == Network::Ipv4 { 8 } else { 7 };
    packet.network_bytes().get(at).copied().unwrap_or_default()
}
