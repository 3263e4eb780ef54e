//! Every timeout of the flow table, each with its reason, and the order in which flows are given up when the table is full.
//!
//! Times are packet time since the flow's last packet. A flow is in exactly one class at a time; its last packet put it there.

use crate::model::Span;

/// What a flow is waiting for. The order is the order of giving up when the table is full: what is over or was never
/// answered goes first, so that a flood of half-open attempts cannot push out conversations that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// TCP, reset or refused: nothing more is expected.
    Reset,
    /// TCP, both sides closed: nothing but stray packets is expected.
    Closed,
    /// TCP, SYN without an answer.
    Attempt,
    /// TCP, SYN-ACK never acknowledged.
    HalfOpen,
    /// TCP without a handshake, seen from one side only: scans, backscatter, half of an asymmetric path.
    Stray,
    /// Datagrams from one side only.
    OneWay,
    /// Answered DNS.
    Dns,
    /// ICMP.
    Icmp,
    /// Other IP protocols.
    Other,
    /// Datagrams both ways.
    Answered,
    /// TCP, a FIN that is not yet acknowledged.
    Closing,
    /// TCP, open or half-closed.
    Established,
}

/// Number of classes.
pub const CLASSES: usize = 12;

impl Class {
    /// Every class, in the order of giving up.
    pub const ALL: [Self; CLASSES] = [
        Self::Reset,
        Self::Closed,
        Self::Attempt,
        Self::HalfOpen,
        Self::Stray,
        Self::OneWay,
        Self::Dns,
        Self::Icmp,
        Self::Other,
        Self::Answered,
        Self::Closing,
        Self::Established,
    ];

    /// Is a flow of this class over, so that giving it up loses nothing?
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Reset | Self::Closed)
    }
}

/// How long each class may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts(pub [Span; CLASSES]);

impl Timeouts {
    /// sockeye's own.
    pub const OURS: Self = Self({
        let mut t = [Span::ZERO; CLASSES];
        // Data in flight and the resets it provokes; Windows sends the SYN again half a second after a refusal.
        t[Class::Reset as usize] = Span::from_secs(5);
        // The last ACK was lost: the FIN comes again after one to some round trips, 0.2 s doubling on Linux.
        t[Class::Closed as usize] = Span::from_secs(15);
        // Retries of one SYN are up to 120 s apart (Linux TCP_RTO_MAX; by default 1, 2, 4 … 64 s) and are one attempt.
        t[Class::Attempt as usize] = Span::from_secs(130);
        // Linux repeats the SYN-ACK 1, 2, 4, 8 and 16 s after the one before and gives up 32 s later.
        t[Class::HalfOpen as usize] = Span::from_secs(75);
        // One-sided traffic without a beginning is noise more often than not; half of a real one sends within minutes.
        t[Class::Stray as usize] = Span::from_secs(300);
        // Two minutes is the least that RFC 4787 (REQ-5) grants a UDP binding.
        t[Class::OneWay as usize] = Span::from_secs(120);
        // Resolvers ask again after 5 s at most; a port used again later is another question.
        t[Class::Dns as usize] = Span::from_secs(15);
        // Pings come every second, slow monitors ask every half minute.
        t[Class::Icmp as usize] = Span::from_secs(60);
        // Routing protocols say hello every 10 to 60 s (OSPF, EIGRP, PIM).
        t[Class::Other as usize] = Span::from_secs(180);
        // RFC 4787 (REQ-5) recommends five minutes for UDP.
        t[Class::Answered as usize] = Span::from_secs(300);
        // A FIN is sent again like a SYN, up to 120 s apart.
        t[Class::Closing as usize] = Span::from_secs(130);
        // Keep-alives come every two hours; RFC 5382 (REQ-5) therefore asks for 2 h 4 min.
        t[Class::Established as usize] = Span::from_secs(2 * 3600 + 4 * 60);
        t
    });

    /// Longest silence of a class.
    #[must_use]
    pub const fn of(&self, class: Class) -> Span {
        self.0[class as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_place_and_a_time() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index);
            assert!(Timeouts::OURS.of(class) > Span::ZERO, "{class:?}");
        }
    }
}
