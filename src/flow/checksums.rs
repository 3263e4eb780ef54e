//! Which checksums are taken for wrong. A wrong one need not mean damage: a host leaves them to its network card, and who
//! anonymises a capture rarely computes them anew.

use super::wants::Checksums;
use super::zeek::admission::has_no_length;
use crate::decode::{Checksum, Packet, Transport, VXLAN_PORT};

/// What was found of checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksumStats {
    /// Packets whose checksums a network card was still to fill in; taken as good.
    pub offloaded: u64,
    /// Other packets with wrong checksums, taken as such.
    pub wrong: u64,
    /// The same, but of sources in which nearly all are wrong: taken as good.
    pub rewritten: u64,
}

/// Judges packets by their checksums.
#[derive(Debug)]
pub(super) struct Judge {
    mode: Checksums,
    stats: ChecksumStats,
    /// By source: packets with right checksums and wrong ones.
    sources: Vec<(u64, u64)>,
}

impl Judge {
    pub(super) const fn new(mode: Checksums) -> Self {
        Self { mode, stats: ChecksumStats { offloaded: 0, wrong: 0, rewritten: 0 }, sources: Vec::new() }
    }

    pub(super) const fn stats(&self) -> ChecksumStats {
        self.stats
    }

    /// Is the transport's checksum right, or to be taken for right?
    pub(super) fn transport(&mut self, source: u16, packet: &Packet<'_>) -> bool {
        if self.mode == Checksums::Ignore {
            return true;
        }
        let found = match packet.transport_checksum() {
            Some(Checksum::Bad { found, .. }) => found,
            Some(Checksum::Good) => return self.right(source),
            Some(Checksum::NotCaptured | Checksum::NotComputed) | None => return true,
        };
        // RFC 7348 section 5: the outer checksum of VXLAN may be 0 over IPv6, too.
        let tunnel = packet.transport == Transport::Udp && found == 0 && packet.ports().is_some_and(|(_, to)| to == VXLAN_PORT);
        tunnel || self.wrong(source, packet.has_partial_checksum())
    }

    /// Is the checksum of the innermost IPv4 header right? A length of 0 is a card's work left, too.
    pub(super) fn network(&mut self, source: u16, packet: &Packet<'_>) -> bool {
        if self.mode == Checksums::Ignore {
            return true;
        }
        if has_no_length(packet) {
            return self.wrong(source, true);
        }
        match packet.ip_checksum() {
            Some(Checksum::Bad { found, .. }) => self.wrong(source, found == 0),
            _ => true,
        }
    }

    fn tally(&mut self, source: u16) -> &mut (u64, u64) {
        let at = usize::from(source);
        if self.sources.len() <= at {
            self.sources.resize(at + 1, (0, 0));
        }
        &mut self.sources[at]
    }

    fn right(&mut self, source: u16) -> bool {
        self.tally(source).0 += 1;
        true
    }

    /// A wrong one: is it taken for right all the same?
    fn wrong(&mut self, source: u16, offloaded: bool) -> bool {
        if self.mode == Checksums::Auto && offloaded {
            self.stats.offloaded += 1;
            return true;
        }
        let tally = self.tally(source);
        tally.1 += 1;
        // In a capture that someone rewrote, nine of ten are wrong, and from the first packet on.
        let rewritten = tally.1 >= 9 * tally.0;
        if self.mode == Checksums::Auto && rewritten {
            self.stats.rewritten += 1;
            return true;
        }
        self.stats.wrong += 1;
        false
    }
}
