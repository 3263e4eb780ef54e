//! The three pcapng blocks that hold packets.

use super::block::{Block, ENHANCED_PACKET, OLD_PACKET};
use super::error::Fault;
use super::options::{Options, number64};
use super::reader::Packet;
use super::section::{Interface, Section};
use crate::model::{ByteOrder, FrameDirection, Timestamp};

/// `epb_flags`.
const FLAGS: u16 = 2;
/// `epb_dropcount`.
const DROPCOUNT: u16 = 4;
/// "Unknown" in the drops field of the old Packet Block.
const DROPS_UNKNOWN: u16 = u16::MAX;

/// A packet block as read.
pub(super) enum Read {
    /// A packet.
    Packet {
        packet: Packet,
        /// It names an interface that the section does not have; interface 0 was taken.
        undeclared: Option<u32>,
        /// Frames lost before it, as it says.
        dropped: Option<u64>,
        /// An option does not fit into the block.
        malformed: bool,
    },
    /// A packet of a section without any interface: what its bytes are cannot be known.
    NoInterface,
}

/// Where things stand in a block body.
struct Fields {
    interface: u32,
    ticks: Option<u64>,
    wire_len: u32,
    /// Captured length.
    caplen: u32,
    /// Where the frame starts in the body.
    start: usize,
    dropped: Option<u64>,
}

/// Reads an Enhanced, Simple or old Packet Block. `number` is the packet's.
pub(super) fn read(block: &Block<'_>, section: &Section, number: u64) -> Result<Read, Fault> {
    let Some(fields) = fields(block, section) else {
        let (kind, total) = (block.kind, block.total);
        return Err(Fault::new(
            4,
            format!("holds packet {number} in a block (type {kind}) of length {total}, too short for one"),
        ));
    };
    let (interface, undeclared) = match section.interfaces.get(fields.interface as usize) {
        Some(interface) => (interface, None),
        None => match section.interfaces.first() {
            Some(first) => (first, Some(fields.interface)),
            None => return Ok(Read::NoInterface),
        },
    };
    let end = fields.start + fields.caplen as usize;
    if end > block.body.len() {
        let (caplen, room) = (fields.caplen, block.body.len().saturating_sub(fields.start));
        return Err(Fault::new(8, format!("claims {caplen} bytes for packet {number} in a block with room for {room}")));
    }
    let (packet, dropped, malformed) = build(block, &fields, interface, end);
    Ok(Read::Packet { packet, undeclared, dropped, malformed })
}

/// The fixed fields; nothing where the body is too short for them.
fn fields(block: &Block<'_>, section: &Section) -> Option<Fields> {
    let (body, order) = (block.body, block.order);
    let word = |i: usize| Some(order.u32(body.get(i..i + 4)?.try_into().ok()?));
    if block.kind == ENHANCED_PACKET {
        let head = body.first_chunk::<20>()?;
        let word = |i: usize| order.u32([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        let ticks = Some(u64::from(word(4)) << 32 | u64::from(word(8)));
        return Some(Fields { interface: word(0), ticks, caplen: word(12), wire_len: word(16), start: 20, dropped: None });
    }
    if block.kind == OLD_PACKET {
        let ids = body.first_chunk::<4>()?;
        let drops = order.u16([ids[2], ids[3]]);
        let dropped = (drops != DROPS_UNKNOWN && drops != 0).then_some(u64::from(drops));
        let ticks = Some(u64::from(word(4)?) << 32 | u64::from(word(8)?));
        let interface = u32::from(order.u16([ids[0], ids[1]]));
        return Some(Fields { interface, ticks, caplen: word(12)?, wire_len: word(16)?, start: 20, dropped });
    }
    // Simple Packet Block: "the captured length is the least of the original length, the snap length of interface 0"
    // and, for blocks that lie, the room there is.
    let wire_len = word(0)?;
    let snaplen = section.interfaces.first().map_or(0, |i| i.snaplen);
    let most = if snaplen == 0 { u32::MAX } else { snaplen };
    let caplen = wire_len.min(most).min((body.len() - 4) as u32);
    Some(Fields { interface: 0, ticks: None, wire_len, caplen, start: 4, dropped: None })
}

/// Puts a packet together: it, the frames lost before it, and whether an option does not fit. `end` is where its frame ends
/// in the body.
fn build(block: &Block<'_>, fields: &Fields, interface: &Interface, end: usize) -> (Packet, Option<u64>, bool) {
    // Positions count from the start of the block, whose body starts after type and length.
    let mut packet = Packet {
        used: block.total,
        ts: fields.ticks.map_or(Timestamp::default(), |t| interface.clock.time(t)),
        interface: interface.global,
        link: interface.link,
        wire_len: fields.wire_len,
        data: 8 + fields.start..8 + end,
        direction: None,
        options: 0..0,
        order: block.order,
    };
    let mut dropped = fields.dropped;
    let mut malformed = false;
    let from = end.next_multiple_of(4);
    // A Simple Packet Block has no options.
    if let (Some(bytes), Some(_)) = (block.body.get(from..).filter(|o| !o.is_empty()), fields.ticks) {
        let mut options = Options::new(bytes, block.order);
        for (code, value) in options.by_ref() {
            match code {
                FLAGS => packet.direction = direction(value, block.order),
                DROPCOUNT => dropped = number64(value, block.order).or(dropped),
                _ => {}
            }
        }
        packet.options = 8 + from..8 + from + options.len_so_far();
        malformed = options.is_malformed();
    }
    (packet, dropped, malformed)
}

/// Bits 0 and 1 of `epb_flags`: 1 inbound, 2 outbound.
fn direction(value: &[u8], order: ByteOrder) -> Option<FrameDirection> {
    match order.u32(value.try_into().ok()?) & 3 {
        1 => Some(FrameDirection::Inbound),
        2 => Some(FrameDirection::Outbound),
        _ => None,
    }
}
