//! The three pcapng blocks that hold packets.

use super::MAX_RECORD;
use super::block::{Block, ENHANCED_PACKET, OLD_PACKET};
use super::error::Fault;
use super::options::{Options, number64};
use super::reader::Packet;
use super::section::{Interface, Section};
use crate::model::{FrameDirection, FrameMarks, Timestamp};

/// `epb_flags`.
pub(super) const FLAGS: u16 = 2;
/// `epb_dropcount`.
pub(super) const DROPCOUNT: u16 = 4;
/// Bit 9 of `epb_flags`: "checksum not ready", left to a network card.
pub(super) const CHECKSUM_PENDING: u32 = 1 << 9;
/// Bit 11 of `epb_flags`: "TCP segmentation offloaded", put together after receiving or yet to be cut.
pub(super) const SEGMENTATION: u32 = 1 << 11;
/// "Unknown" in the drops field of the old Packet Block.
const DROPS_UNKNOWN: u16 = u16::MAX;

/// A packet block as read.
pub(super) enum Read {
    /// A packet.
    Packet {
        packet: Packet,
        /// Its time is its own. Otherwise it has none.
        timed: bool,
        /// It names an interface that the section does not have; interface 0 was taken.
        undeclared: Option<u32>,
        /// Frames lost before it, as it says; nothing where it does not. Its marks have 0 then.
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

/// Reads the commonest block without detours: an Enhanced Packet Block that is whole, of a declared interface and without
/// options. Nothing: [`super::block::frame`] and [`read`] have to look at it.
#[inline]
pub(super) fn plain(bytes: &[u8], section: &Section) -> Option<Packet> {
    let order = section.order;
    let head = bytes.first_chunk::<28>()?;
    let word = |i: usize| order.u32([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    let (kind, total, caplen) = (word(0), word(4), word(20));
    if kind != ENHANCED_PACKET || total > MAX_RECORD as u32 || u64::from(total) != 32 + u64::from(caplen).next_multiple_of(4) {
        return None;
    }
    let again = bytes.get(total as usize - 4..total as usize)?;
    let interface = section.interfaces.get(word(8) as usize)?;
    (again == &head[4..8]).then(|| Packet {
        ts: interface.clock.time(u64::from(word(12)) << 32 | u64::from(word(16))),
        used: total,
        interface: interface.global,
        link: interface.link,
        wire_len: word(24),
        data: 28..28 + caplen,
        direction: None,
        options: 0..0,
        order,
        marks: FrameMarks::NONE,
    })
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
    Ok(Read::Packet { packet, timed: fields.ticks.is_some(), undeclared, dropped, malformed })
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
        let dropped = (drops != DROPS_UNKNOWN).then_some(u64::from(drops));
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
        used: block.total as u32,
        ts: fields.ticks.map_or(Timestamp::default(), |t| interface.clock.time(t)),
        interface: interface.global,
        link: interface.link,
        wire_len: fields.wire_len,
        data: 8 + fields.start as u32..8 + end as u32,
        direction: None,
        options: 0..0,
        order: block.order,
        marks: FrameMarks::NONE,
    };
    let mut dropped = fields.dropped;
    let mut malformed = false;
    let from = end.next_multiple_of(4);
    // A Simple Packet Block has no options.
    if let (Some(bytes), Some(_)) = (block.body.get(from..).filter(|o| !o.is_empty()), fields.ticks) {
        let mut options = Options::new(bytes, block.order);
        for (code, value) in options.by_ref() {
            match code {
                FLAGS => {
                    let Ok(word) = value.try_into() else { continue };
                    let flags = block.order.u32(word);
                    packet.direction = direction(flags);
                    packet.marks.checksum_pending = flags & CHECKSUM_PENDING != 0;
                    packet.marks.gso = flags & SEGMENTATION != 0;
                }
                DROPCOUNT => dropped = number64(value, block.order).or(dropped),
                _ => {}
            }
        }
        packet.options = 8 + from as u32..(8 + from + options.len_so_far()) as u32;
        malformed = options.is_malformed();
    }
    packet.marks.dropped_before = dropped.unwrap_or(0);
    (packet, dropped, malformed)
}

/// Bits 0 and 1 of `epb_flags`: 1 inbound, 2 outbound.
const fn direction(flags: u32) -> Option<FrameDirection> {
    match flags & 3 {
        1 => Some(FrameDirection::Inbound),
        2 => Some(FrameDirection::Outbound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{self, Framed};
    use super::super::clock::Clock;
    use super::*;
    use crate::model::{ByteOrder, LinkType};
    use proptest::prelude::*;

    proptest! {
        /// What the short way reads, the long way reads alike; what it declines is left to the long way.
        #[test]
        fn the_short_way_agrees_with_the_long_one(
            mut words in proptest::array::uniform12(prop_oneof![0..60_u32, any::<u32>()]), caplen in 0..24_u32, lies: bool, big: bool,
        ) {
            let interface = Interface { link: LinkType::RAW, clock: Clock::default(), snaplen: 0, global: 3 };
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let section = Section { order, interfaces: vec![interface] };
            (words[0], words[1], words[5]) = (ENHANCED_PACKET, 48, caplen);
            words[11] = 48;
            if !lies {
                (words[2], words[5]) = (0, 13 + caplen % 4);
            }
            let bytes: Vec<u8> = words.iter().flat_map(|w| if big { w.to_be_bytes() } else { w.to_le_bytes() }).collect();
            let short = plain(&bytes, &section);
            prop_assert!(lies || short.is_some());
            if let Some(short) = short {
                let Ok(Framed::Whole(block)) = block::frame(&bytes, order, 1) else { panic!("no whole block") };
                let Ok(Read::Packet { packet, timed: true, undeclared: None, dropped: None, malformed: false }) = read(&block, &section, 1) else {
                    panic!("no plain packet")
                };
                prop_assert_eq!(Packet { options: 0..0, ..packet.clone() }, short);
                prop_assert!(packet.options.is_empty());
            }
        }
    }
}
