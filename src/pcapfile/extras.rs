//! The pcapng blocks that are about packets without holding any: statistics, names, secrets.

use super::block::Block;
use super::options::{Options, number64, text};
use super::section::{Allowance, Section};
use crate::model::{Cursor, InterfaceCounters, Secrets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an Interface Statistics Block: the interface's index in the file's list, and its counters. Nothing where the
/// block is too short or names an interface that is not there.
pub(super) fn read_statistics(block: &Block<'_>, section: &Section) -> Option<(usize, InterfaceCounters)> {
    let mut c = Cursor::with_order(block.body, block.order);
    let interface = section.interfaces.get(c.u32()? as usize)?;
    c.take(8)?; // when the block was written
    let mut counters = InterfaceCounters::default();
    for (code, value) in Options::new(c.rest(), block.order) {
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
            _ => {}
        }
    }
    Some((interface.global as usize, counters))
}

/// Reads a Name Resolution Block. False: not all were kept, for there were too many.
pub(super) fn read_names(block: &Block<'_>, names: &mut Vec<(IpAddr, String)>, allowance: &mut Allowance) -> bool {
    let mut c = Cursor::with_order(block.body, block.order);
    while let (Some(kind), Some(len)) = (c.u16(), c.u16()) {
        let Some(value) = c.take(len.into()) else { break };
        let padding = usize::from(len).next_multiple_of(4) - usize::from(len);
        let _ = c.take(padding);
        let (address, list) = match kind {
            0 => break,
            1 => match value.split_first_chunk::<4>() {
                Some((a, list)) => (IpAddr::V4(Ipv4Addr::from(*a)), list),
                None => continue,
            },
            2 => match value.split_first_chunk::<16>() {
                Some((a, list)) => (IpAddr::V6(Ipv6Addr::from(*a)), list),
                None => continue,
            },
            _ => continue,
        };
        for name in list.split(|&b| b == 0).filter(|name| !name.is_empty()) {
            if !allowance.take(name.len()) {
                return false;
            }
            names.push((address, text(name)));
        }
    }
    true
}

/// Reads a Decryption Secrets Block. `None`: it is too short, or was too much to keep.
pub(super) fn read_secrets(block: &Block<'_>, allowance: &mut Allowance) -> Option<Secrets> {
    let mut c = Cursor::with_order(block.body, block.order);
    let (kind, len) = (c.u32()?, c.u32()?);
    let data = c.take(len as usize)?;
    allowance.take(data.len()).then(|| Secrets { kind, data: data.to_vec() })
}
