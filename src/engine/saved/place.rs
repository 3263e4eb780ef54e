//! Which thread follows a frame's conversation: by its two hosts, so that all they have to do with each other is in one
//! thread. For nearly all frames a look at fixed offsets tells it; the others are given to all
//! threads, which decode them and come to the same answer.

use crate::decode::{OLD_VXLAN_PORT, Packet, VXLAN_PORT};
use crate::model::bytes::be16;
use crate::model::endpoint::ip_to_16;
use crate::model::{Frame, IpProtocol, LinkType};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// Where the second of two VLAN tags begins.
const MOST_TAGS: usize = 16;

/// Shares out hosts over threads, evenly, by a secret of each run: nobody can prepare traffic that loads one of them, but between the same
/// two hosts. No record depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    threads: usize,
    secret: [u64; 3],
}

/// Whose a decoded packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nobody's: it is in no conversation.
    Nobody,
    /// This thread's.
    One(usize),
    /// An error about a conversation of the first thread, or, if there is none, one of the second's own.
    Quoting(usize, usize),
}

impl Threads {
    /// Over so many threads.
    pub(super) fn new(threads: usize) -> Self {
        let chance = RandomState::new();
        Self { threads, secret: [0, 1, 2].map(|word| chance.hash_one(word)) }
    }

    fn of(&self, a: IpAddr, b: IpAddr) -> usize {
        let [high, low, both] = self.secret;
        let host = |ip| {
            let bits = u128::from_be_bytes(ip_to_16(ip));
            folded((bits >> 64) as u64 ^ high, bits as u64 ^ low)
        };
        // The sum does not know which came first. Odd: else some of it would not count.
        let mixed = folded(host(a).wrapping_add(host(b)), both | 1);
        ((u128::from(mixed) * self.threads as u128) >> u64::BITS) as usize
    }

    /// The thread of a frame whose innermost datagram is seen at first sight: whole TCP or UDP in IP in Ethernet, and no tunnel.
    pub(super) fn at_first_sight(&self, frame: &Frame<'_>) -> Option<usize> {
        if frame.link != LinkType::ETHERNET {
            return None;
        }
        let mut at = 12;
        while at <= MOST_TAGS && matches!(be16(frame.bytes, at)?, 0x8100 | 0x88a8) {
            at += 4;
        }
        let ip = frame.bytes.get(at + 2..)?;
        let (a, b, protocol, transport): (IpAddr, IpAddr, u8, usize) = match be16(frame.bytes, at)? {
            0x0800 => {
                let header = ip.first_chunk::<20>()?;
                let ihl = usize::from(header[0] & 15) * 4;
                let fragment = be16(header, 6)? & 0x3fff;
                if header[0] >> 4 != 4 || ihl < 20 || fragment != 0 {
                    return None;
                }
                let address = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
                (address(12).into(), address(16).into(), header[9], ihl)
            }
            0x86dd => {
                let header = ip.first_chunk::<40>()?;
                if header[0] >> 4 != 6 {
                    return None;
                }
                let address = |at: usize| <[u8; 16]>::try_from(&header[at..at + 16]).ok();
                (address(8)?.into(), address(24)?.into(), header[6], 40)
            }
            _ => return None,
        };
        match IpProtocol(protocol) {
            IpProtocol::TCP => {}
            IpProtocol::UDP => {
                let ports = [be16(ip, transport)?, be16(ip, transport + 2)?];
                if ports.into_iter().any(may_wrap) {
                    return None;
                }
            }
            _ => return None,
        }
        Some(self.of(a, b))
    }

    /// Whose a packet is, once it is decoded and whole.
    pub(super) fn whose(&self, packet: &Packet<'_>) -> Whose {
        let Some((source, target)) = packet.addresses() else { return Whose::Nobody };
        let own = self.of(source, target);
        match packet.quoted() {
            Some(quoted) => Whose::Quoting(self.of(quoted.source, quoted.target), own),
            None => Whose::One(own),
        }
    }
}

/// Both halves of a product, one over the other: who does not know one factor does not know which of the others give the same (as in wyhash).
const fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    (product >> 64) as u64 ^ product as u64
}

/// May what comes from or goes to this port of UDP be a tunnel?
const fn may_wrap(port: u16) -> bool {
    matches!(port, VXLAN_PORT | OLD_VXLAN_PORT | 6081 | 4754 | 2152 | 3544 | 5072)
}

#[cfg(test)]
mod tests;
