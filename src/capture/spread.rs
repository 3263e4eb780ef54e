//! Which of several threads a conversation belongs to: arithmetic over addresses and ports, the same in both directions.
//!
//! The kernel works it out with the program of `ring::fanout`, the engine once more from the decoded packet; a test holds
//! the two to each other. What is spread by what:
//!
//! - TCP segments in whole datagrams: by both addresses and both ports.
//! - All else of IP, every fragment included: by both addresses. So a conversation whose datagrams are sometimes cut into
//!   fragments, which have no ports, stays together.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

/// Multipliers: odd, with ones and zeros in turn, so that every bit of what goes in changes many that come out.
pub(crate) const BY_WORD: u32 = 0x9e37_79b1;
pub(crate) const BY_PORT: u32 = 0x85eb_ca6b;
pub(crate) const AT_LAST: u32 = 0xc2b2_ae35;
/// Shifts by which high bits come down, in the same places.
pub(crate) const AFTER_WORDS: u32 = 15;
pub(crate) const AFTER_PORT: u32 = 13;
pub(crate) const AT_LAST_BEFORE: u32 = 16;
pub(crate) const AT_LAST_AFTER: u32 = 13;

/// A way of spreading conversations over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    seed: u32,
    threads: u32,
}

impl Spread {
    /// Over so many threads (at least one), with a seed of its own, so that nobody outside can aim all traffic at one of them.
    #[must_use]
    pub fn new(threads: u32) -> Self {
        Self::seeded(threads, RandomState::new().build_hasher().finish() as u32)
    }

    /// With this seed, for tests.
    #[must_use]
    pub const fn seeded(threads: u32, seed: u32) -> Self {
        Self { seed, threads: if threads == 0 { 1 } else { threads } }
    }

    /// How many threads there are.
    #[must_use]
    pub const fn threads(self) -> u32 {
        self.threads
    }

    pub(crate) const fn seed(self) -> u32 {
        self.seed
    }

    /// By the two addresses, in any order.
    #[must_use]
    pub fn by_hosts(self, a: IpAddr, b: IpAddr) -> u32 {
        self.of(self.host(a), self.host(b))
    }

    /// By addresses and ports, the two ends in any order.
    #[must_use]
    pub fn by_ends(self, a: (IpAddr, u16), b: (IpAddr, u16)) -> u32 {
        self.of(end(self.host(a.0), a.1), end(self.host(b.0), b.1))
    }

    /// An address as a number: word by word, then the high bits come down.
    fn host(self, address: IpAddr) -> u32 {
        let word = |hash: u32, word: u32| (hash ^ word).wrapping_mul(BY_WORD);
        let hash = match address {
            IpAddr::V4(address) => word(self.seed, address.to_bits()),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                [96, 64, 32, 0].into_iter().fold(self.seed, |hash, shift| word(hash, (bits >> shift) as u32))
            }
        };
        hash ^ hash >> AFTER_WORDS
    }

    /// The sum does not know which end came first.
    const fn of(self, a: u32, b: u32) -> u32 {
        let sum = a.wrapping_add(b);
        let mixed = (sum ^ sum >> AT_LAST_BEFORE).wrapping_mul(AT_LAST);
        (mixed ^ mixed >> AT_LAST_AFTER) % self.threads
    }
}

/// An end: its address's number and its port.
const fn end(host: u32, port: u16) -> u32 {
    let hash = (host ^ port as u32).wrapping_mul(BY_PORT);
    hash ^ hash >> AFTER_PORT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
    }

    proptest! {
        #[test]
        fn both_directions_belong_to_one_thread(a in address(), b in address(), p: u16, q: u16, seed: u32, threads in 1_u32..65) {
            let spread = Spread::seeded(threads, seed);
            prop_assert_eq!(spread.by_hosts(a, b), spread.by_hosts(b, a));
            prop_assert_eq!(spread.by_ends((a, p), (b, q)), spread.by_ends((b, q), (a, p)));
            prop_assert!(spread.by_hosts(a, b) < threads && spread.by_ends((a, p), (b, q)) < threads);
        }
    }

    /// How many of `places` fall to each of `threads`, at most and at least.
    fn extremes(threads: u32, places: impl Iterator<Item = u32>) -> (u32, u32) {
        let mut counts = vec![0_u32; threads as usize];
        places.for_each(|place| counts[place as usize] += 1);
        (*counts.iter().min().unwrap_or(&0), *counts.iter().max().unwrap_or(&0))
    }

    #[test]
    fn neighbours_are_spread_evenly() {
        let host = |net: u8, host: u8| IpAddr::from([10, 0, net, host]);
        for (threads, seed) in [(2, 1), (3, 77), (8, 0xffff_ffff), (64, 12)] {
            let spread = Spread::seeded(threads, seed);
            // 4096 connections from one client to one server, by the client's port.
            let ports = (0..4096).map(|p| spread.by_ends((host(0, 1), 32_768 + p), (host(0, 2), 443)));
            let (least, most) = extremes(threads, ports);
            assert!(least > 0 && most <= 2 * (4096 / threads), "{threads} threads by ports: {least} to {most}");
            // 4096 pairs of neighbours, of which many have the same exclusive or and the same sum.
            let pairs = (0..64).flat_map(|a| (0..64).map(move |b| (a, b)));
            let (least, most) = extremes(threads, pairs.map(|(a, b)| spread.by_hosts(host(1, a), host(2, b))));
            assert!(least > 0 && most <= 2 * (4096 / threads), "{threads} threads by hosts: {least} to {most}");
        }
    }
}
