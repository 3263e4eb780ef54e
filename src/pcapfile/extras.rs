//! The pcapng blocks that are about packets without holding any: statistics, names, secrets.

use super::block::Block;
use super::options::{COMMENT, Options, number64, text};
use super::section::{Allowance, Lost, Section};
use crate::model::{Cursor, FileNotes, InterfaceCounters, Secrets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An Interface Statistics Block as read.
pub(super) struct Statistics {
    /// The interface's index in the file's list.
    pub(super) interface: usize,
    pub(super) counters: InterfaceCounters,
    pub(super) comments: Vec<String>,
    pub(super) lost: Lost,
}

/// Reads an Interface Statistics Block. Nothing where it is too short or names an interface that is not there.
pub(super) fn read_statistics(block: &Block<'_>, section: &Section) -> Option<Statistics> {
    let mut c = Cursor::with_order(block.body, block.order);
    let interface = section.interfaces.get(c.u32()? as usize)?;
    c.take(8)?; // when the block was written
    let (mut counters, mut comments, mut lost) = (InterfaceCounters::default(), Vec::new(), Lost::default());
    let mut options = Options::new(c.rest(), block.order);
    for (code, value) in options.by_ref() {
        lost.malformed |= matches!(code, 2..=8) && value.len() != 8;
        let number = number64(value, block.order);
        // isb_starttime and isb_endtime are two words, the upper one first, whatever the byte order.
        let time = || {
            let mut c = Cursor::with_order(value, block.order);
            Some(interface.clock.time(u64::from(c.u32()?) << 32 | u64::from(c.u32()?)))
        };
        match code {
            2 => counters.start = time(),
            3 => counters.end = time(),
            4 => counters.received = number,
            5 => counters.dropped_interface = number,
            6 => counters.accepted = number,
            7 => counters.dropped_kernel = number,
            8 => counters.delivered = number,
            COMMENT => comments.push(text(value)),
            _ => lost.unknown = true,
        }
    }
    lost.malformed |= options.is_malformed();
    Some(Statistics { interface: interface.global as usize, counters, comments, lost })
}

/// Reads a Name Resolution Block: its records, which lie like options do, then its options.
pub(super) fn read_names(block: &Block<'_>, notes: &mut FileNotes, allowance: &mut Allowance) -> Lost {
    let mut lost = Lost::default();
    let mut records = Options::new(block.body, block.order);
    for (kind, value) in records.by_ref() {
        let (address, list) = match (kind, value.split_first_chunk::<4>(), value.split_first_chunk::<16>()) {
            (1, Some((a, list)), _) => (IpAddr::V4(Ipv4Addr::from(*a)), list),
            (2, _, Some((a, list))) => (IpAddr::V6(Ipv6Addr::from(*a)), list),
            (1 | 2, ..) => {
                lost.malformed = true;
                continue;
            }
            _ => {
                lost.unknown = true;
                continue;
            }
        };
        for name in list.split(|&b| b == 0).filter(|name| !name.is_empty()) {
            if !allowance.take(name.len()) {
                return Lost { too_much: true, ..lost };
            }
            notes.names.push((address, text(name)));
        }
    }
    // `nrb_record_end` is the four bytes after the records.
    let rest = block.body.get(records.len_so_far() + 4..).unwrap_or_default();
    let mut options = Options::new(if records.is_malformed() { &[] } else { rest }, block.order);
    for (code, value) in options.by_ref() {
        match code {
            COMMENT if !allowance.take(value.len()) => lost.too_much = true,
            COMMENT => notes.comments.push(text(value)),
            _ => lost.unknown = true,
        }
    }
    lost.malformed |= records.is_malformed() || options.is_malformed();
    lost
}

/// Reads a Decryption Secrets Block. `None`: it is too short, or was too much to keep.
pub(super) fn read_secrets(block: &Block<'_>, allowance: &mut Allowance) -> Option<Secrets> {
    let mut c = Cursor::with_order(block.body, block.order);
    let (kind, len) = (c.u32()?, c.u32()?);
    let data = c.take(len as usize)?;
    allowance.take(data.len()).then(|| Secrets { kind, data: data.to_vec() })
}
