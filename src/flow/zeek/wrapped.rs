//! What was around a conversation's packets: `tunnel_parents`, and the `X` of one whose wrapping changes too often.

use crate::decode::{Packet, TunnelKind};
use crate::flow::key::outer_addresses;
use crate::flow::record::{Birth, Wrapping};

/// `tunnel_max_changes_per_connection`.
const MOST_CHANGES: u8 = 5;

/// What is nearest around a packet: the flow of UDP that carries it, or the pair of hosts. `parents`: the flows around it.
pub(in crate::flow) fn wrapping(packet: &Packet<'_>, parents: &[Birth]) -> Option<Wrapping> {
    match packet.tunnel.kind {
        TunnelKind::None => None,
        TunnelKind::IpIp | TunnelKind::Gre | TunnelKind::Erspan => {
            let (a, b) = outer_addresses(packet)?;
            Some(Wrapping::Between(a.min(b), a.max(b)))
        }
        _ => parents.last().copied().map(Wrapping::Flow),
    }
}

/// The wrappings of a conversation. After too many changes no more are looked at, which bounds the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrapped {
    now: Option<Wrapping>,
    changes: u8,
    pub(super) parents: Vec<Wrapping>,
}

impl Wrapped {
    /// A packet came in this wrapping; `first`: of its conversation. Is that one change too many?
    pub(super) fn changes_too_often(&mut self, wrapping: Option<Wrapping>, first: bool) -> bool {
        if wrapping == self.now || self.changes > MOST_CHANGES {
            return false;
        }
        self.now = wrapping;
        self.changes += u8::from(!first);
        if let Some(wrapping) = wrapping.filter(|wrapping| !self.parents.contains(wrapping)) {
            self.parents.push(wrapping);
        }
        self.changes > MOST_CHANGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn the_sixth_change_is_one_too_many() {
        let between = |n: u8| Some(Wrapping::Between(IpAddr::from([10, 0, 0, n]), IpAddr::from([10, 0, 1, 0])));
        let mut wrapped = Wrapped::default();
        assert!(!wrapped.changes_too_often(between(0), true));
        let told: Vec<u8> = (1..100).filter(|n| wrapped.changes_too_often(between(n % 2), false)).collect();
        assert_eq!((told, wrapped.parents.len()), (vec![6], 2));
    }
}
