//! Which checksums are taken for wrong. A wrong one need not mean damage: a host leaves them to its network card, and who
//! anonymises a capture rarely computes them anew.
//!
//! Damage is rare, the other two are not. So the checksums of each source and protocol are counted, and where many are wrong
//! none is taken for damage. A flow keeps the answer that its first wrong one had.

use super::wants::Checksums;
use super::zeek::admission::has_no_length;
use crate::decode::{Checksum, Packet, Transport, VXLAN_PORT};
use crate::heap;
use std::fmt;

/// What was found of checksums. A packet counts once in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksumStats {
    /// Packets whose checksums a network card was still to fill in, by what stands in their place; taken as good.
    pub offloaded: u64,
    /// Packets of which the capture says so itself (`FrameMarks::checksum_pending`); taken as good, whatever is asked for, and
    /// of no weight when others are judged.
    pub pending: u64,
    /// Other packets with wrong checksums, taken as such.
    pub wrong: u64,
    /// The same, but of sources in which many of that protocol are wrong: taken as good.
    pub rewritten: u64,
    /// The same, before enough were seen to tell, and later ones of the same flows: taken as good.
    pub unsure: u64,
}

impl ChecksumStats {
    /// The sum of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            offloaded: self.offloaded + other.offloaded,
            pending: self.pending + other.pending,
            wrong: self.wrong + other.wrong,
            rewritten: self.rewritten + other.rewritten,
            unsure: self.unsure + other.unsure,
        }
    }
}

/// What a checksum was found to be, for judges of other parts of the same capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Found {
    /// Right.
    Right = 1,
    /// Wrong.
    Wrong,
    /// Wrong, and by then many were.
    Rewritten,
}

/// What others found, of one source and protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerTally {
    /// Right ones.
    pub right: u64,
    /// Wrong ones.
    pub wrong: u64,
    /// One of them found that many are.
    pub rewritten: bool,
}

/// The judges of the other parts of a capture, as one of them sees them. Protocols are numbered from 0 to [`PROTOCOLS`].
pub trait ChecksumPeers: fmt::Debug + Send {
    /// The packet at hand has such a checksum.
    fn tell(&mut self, protocol: usize, found: Found);
    /// What the others found in all packets before the one at hand. Waits until that is known, or until it is of all but so many
    /// frames, and that is `enough`.
    fn ask(&mut self, source: u16, protocol: usize, enough: &dyn Fn(PeerTally, u64) -> bool) -> PeerTally;
}

/// Judges packets by their checksums.
#[derive(Debug)]
pub(super) struct Judge {
    mode: Checksums,
    /// Where others judge the rest of the packets.
    peers: Option<Box<dyn ChecksumPeers>>,
    stats: ChecksumStats,
    /// The packets counted last, by source and number: offloaded, wrong, rewritten, unsure, pending.
    counted: [(u16, u64); 5],
    /// By source and protocol.
    sources: Vec<[Tally; PROTOCOLS]>,
}

/// What a checksum says of its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is right, or nothing is known against it.
    Right,
    /// It is wrong, and the packet is taken all the same.
    Taken,
    /// It is wrong, and no host took the packet.
    Refused,
}

/// What is counted apart: only some have a pseudo header, which goes wrong with the addresses.
#[derive(Clone, Copy)]
enum Protocol {
    Ip,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
}

/// How many protocols are told apart.
pub const PROTOCOLS: usize = 5;

/// Checksums of one source and protocol.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: u64,
    wrong: u64,
    /// Packets counted as unsure.
    unsure: u64,
    /// Many were wrong. That is never taken back.
    rewritten: bool,
    /// Those counted as unsure are counted as rewritten.
    known: bool,
}

/// What wrong checksums are a sign of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Unsure,
    Rewritten,
    Damage,
}

/// So many checksums must have been seen before they tell anything.
const ENOUGH: u64 = 16;

/// Where one in so many is wrong it is not damage. Not nearly all need be: of a connection captured at one end only that end's
/// packets may be, and they are a third where the other end's data is acknowledged in pairs.
const ONE_IN: u64 = 4;

impl Tally {
    /// Will a wrong one now be damage, whatever is in the last so many frames, of which it is not known what peers found? Nor may it have
    /// looked otherwise to any of them there.
    const fn will_be_damage(&self, others: PeerTally, unknown: u64) -> bool {
        let most_wrong = self.wrong + others.wrong + unknown + 1;
        let least = (self.right + self.wrong + others.right + others.wrong).saturating_sub(unknown);
        !others.rewritten && least >= ENOUGH && most_wrong < least / ONE_IN
    }

    /// `others`: what peers found besides.
    fn wrong(&mut self, others: PeerTally) -> Sign {
        self.wrong += 1;
        let wrong = self.wrong.saturating_add(others.wrong);
        let all = wrong.saturating_add(self.right).saturating_add(others.right);
        self.rewritten |= others.rewritten || (all >= ENOUGH && wrong >= all / ONE_IN);
        match self.rewritten {
            true => Sign::Rewritten,
            false if all < ENOUGH => Sign::Unsure,
            false => Sign::Damage,
        }
    }
}

impl Judge {
    pub(super) fn new(mode: Checksums) -> Self {
        Self { mode, peers: None, stats: ChecksumStats::default(), counted: [(0, 0); 5], sources: Vec::new() }
    }

    /// Others judge the rest of the packets. What they find matters only where it is not said what becomes of wrong ones.
    pub(super) fn ask(&mut self, peers: Box<dyn ChecksumPeers>) {
        self.peers = (self.mode == Checksums::Auto).then_some(peers);
    }

    pub(super) const fn stats(&self) -> ChecksumStats {
        self.stats
    }

    /// Judges the transport's checksum. `frame`: source and number; `pending`: the capture says that there is none yet;
    /// `before`: what was said of the flow's first wrong one.
    pub(super) fn transport(
        &mut self,
        frame: (u16, u64),
        packet: &Packet<'_>,
        pending: bool,
        before: impl FnOnce() -> Option<Judgement>,
    ) -> Judgement {
        if self.mode == Checksums::Ignore {
            return Judgement::Right;
        }
        let protocol = match packet.transport {
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
            Transport::Icmp => Protocol::Icmp,
            Transport::Icmpv6 => Protocol::Icmpv6,
            Transport::Sctp | Transport::None => return Judgement::Right,
        };
        if pending {
            count(&mut self.stats.pending, &mut self.counted[4], frame);
            return Judgement::Right;
        }
        let found = match packet.transport_checksum() {
            Some(Checksum::Bad { found, .. }) => found,
            Some(Checksum::Good) => {
                self.right(frame.0, protocol);
                return Judgement::Right;
            }
            Some(Checksum::NotCaptured | Checksum::NotComputed) | None => return Judgement::Right,
        };
        // RFC 7348 section 5: the outer checksum of VXLAN may be 0 over IPv6, too.
        if matches!(protocol, Protocol::Udp) && found == 0 && packet.ports().is_some_and(|(_, to)| to == VXLAN_PORT) {
            return Judgement::Right;
        }
        // TCP has no word for a checksum left out: a field of 0 is a card's work, too.
        let offloaded = packet.has_partial_checksum() || (matches!(protocol, Protocol::Tcp) && found == 0);
        self.wrong(frame, protocol, offloaded, before)
    }

    /// Is the checksum of the innermost IPv4 header to be taken for right? A length of 0 is a card's work left, too.
    pub(super) fn network(&mut self, frame: (u16, u64), packet: &Packet<'_>) -> bool {
        if self.mode == Checksums::Ignore {
            return true;
        }
        let offloaded = match packet.ip_checksum() {
            _ if has_no_length(packet) => true,
            Some(Checksum::Bad { found, .. }) => found == 0,
            Some(Checksum::Good) => {
                self.right(frame.0, Protocol::Ip);
                return true;
            }
            _ => return true,
        };
        self.wrong(frame, Protocol::Ip, offloaded, || None) == Judgement::Taken
    }

    fn right(&mut self, source: u16, protocol: Protocol) {
        self.tally(source, protocol).right += 1;
        if let Some(peers) = &mut self.peers {
            peers.tell(protocol as usize, Found::Right);
        }
    }

    /// A wrong one: what it is a sign of, by all that was found.
    fn sign(&mut self, source: u16, protocol: Protocol) -> Sign {
        let Some(mut peers) = self.peers.take() else {
            return self.tally(source, protocol).wrong(PeerTally::default());
        };
        // Once many were wrong the figures do not matter any more. Peers may give back here what another thread took.
        let tally = *self.tally(source, protocol);
        let enough = |others, unknown| tally.will_be_damage(others, unknown);
        let ask = || peers.ask(source, protocol as usize, &enough);
        let others = if tally.rewritten { PeerTally::default() } else { heap::left_out(ask) };
        let sign = self.tally(source, protocol).wrong(others);
        peers.tell(protocol as usize, if sign == Sign::Rewritten { Found::Rewritten } else { Found::Wrong });
        self.peers = Some(peers);
        sign
    }

    /// What several judges found, each in its part of a capture, as one would say it.
    pub(super) fn stats_of_all<'a>(judges: impl Iterator<Item = &'a Self> + Clone) -> ChecksumStats {
        let mut sum = judges.clone().fold(ChecksumStats::default(), |sum, judge| sum.and(judge.stats));
        let tallies = judges.flat_map(|judge| judge.sources.iter().enumerate());
        let known = |source: usize, protocol: usize| tallies.clone().any(|(at, tallies)| at == source && tallies[protocol].known);
        for (source, of) in tallies.clone() {
            // What one was not sure of another found out.
            let late = of.iter().enumerate().filter(|&(protocol, tally)| tally.unsure > 0 && known(source, protocol));
            let late: u64 = late.map(|(_, tally)| tally.unsure).sum();
            sum.unsure -= late;
            sum.rewritten += late;
        }
        sum
    }

    #[inline]
    fn tally(&mut self, source: u16, protocol: Protocol) -> &mut Tally {
        let at = usize::from(source);
        if self.sources.len() <= at {
            self.meet(at);
        }
        &mut self.sources[at][protocol as usize]
    }

    #[cold]
    fn meet(&mut self, source: usize) {
        self.sources.resize(source + 1, [Tally::default(); PROTOCOLS]);
    }

    fn wrong(
        &mut self,
        frame: (u16, u64),
        protocol: Protocol,
        offloaded: bool,
        before: impl FnOnce() -> Option<Judgement>,
    ) -> Judgement {
        let auto = self.mode == Checksums::Auto;
        if auto && offloaded {
            count(&mut self.stats.offloaded, &mut self.counted[0], frame);
            return Judgement::Taken;
        }
        let sign = self.sign(frame.0, protocol);
        let refused = before().map_or(sign == Sign::Damage, |before| before == Judgement::Refused);
        if !auto || refused {
            count(&mut self.stats.wrong, &mut self.counted[1], frame);
            return Judgement::Refused;
        }
        if sign == Sign::Rewritten {
            // The first ones were of the same kind, as it turns out.
            let tally = self.tally(frame.0, protocol);
            tally.known = true;
            let unsure = std::mem::take(&mut tally.unsure);
            self.stats.unsure -= unsure;
            self.stats.rewritten += unsure;
            count(&mut self.stats.rewritten, &mut self.counted[2], frame);
        } else if count(&mut self.stats.unsure, &mut self.counted[3], frame) {
            self.tally(frame.0, protocol).unsure += 1;
        }
        Judgement::Taken
    }
}

/// Counts a packet once, however many of its checksums are wrong. Is it counted now?
fn count(counter: &mut u64, last: &mut (u16, u64), frame: (u16, u64)) -> bool {
    let first = std::mem::replace(last, frame) != frame;
    *counter += u64::from(first);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(wrong: impl IntoIterator<Item = bool>) -> Vec<Sign> {
        let mut tally = Tally::default();
        let mut signs = Vec::new();
        for wrong in wrong {
            if wrong {
                signs.push(tally.wrong(PeerTally::default()));
            } else {
                tally.right += 1;
            }
        }
        signs
    }

    #[test]
    fn few_tell_nothing_and_one_in_a_hundred_is_damage() {
        assert!(signs([true; 15]).iter().all(|&sign| sign == Sign::Unsure));
        assert!(signs((0..1000).map(|n| n % 100 == 99)).iter().all(|&sign| sign == Sign::Damage));
    }

    #[test]
    fn what_is_damage_whatever_peers_find_is_damage_when_they_have_found_it() {
        let (mut random, mut sure, mut asked) = (1_u64, 0, 0);
        for one_in in [3, 4, 5, 6, 20] {
            // Of one part and another, each by its own, and of both as one sees them.
            let (mut all, mut own) = (Tally::default(), Tally::default());
            let mut peers = vec![PeerTally::default()];
            for n in 0_usize..4000 {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                let (mine, wrong, gap) = (random >> 40 & 1 == 0, (random >> 33) % one_in == 0, (random >> 50) % 100);
                let mut peer = peers[n];
                if mine && wrong {
                    let unknown = gap.min(n as u64);
                    let known = peers[n - unknown as usize];
                    let told = !own.rewritten && own.will_be_damage(known, unknown);
                    own.wrong(peer);
                    let sign = all.wrong(PeerTally::default());
                    assert!(!told || sign == Sign::Damage, "one in {one_in}, packet {n}, {unknown} unknown");
                    (sure, asked) = (sure + u32::from(told), asked + 1);
                } else if mine {
                    (all.right, own.right) = (all.right + 1, own.right + 1);
                } else if wrong {
                    peer.wrong += 1;
                    peer.rewritten |= all.wrong(PeerTally::default()) == Sign::Rewritten;
                } else {
                    (all.right, peer.right) = (all.right + 1, peer.right + 1);
                }
                peers.push(peer);
            }
        }
        assert!(sure > asked / 10, "{sure} of {asked}");
    }

    #[test]
    fn a_third_is_a_host_s_own_and_stays_so() {
        let mixed = signs((0..300).map(|n| n % 3 == 0).chain((0..9000).map(|n| n == 8999)));
        assert!(mixed[..5].iter().all(|&sign| sign == Sign::Unsure));
        assert!(mixed[6..].iter().all(|&sign| sign == Sign::Rewritten));
    }
}
