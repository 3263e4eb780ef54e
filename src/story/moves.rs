//! Which way the states of RFC 9293 (section 3.3.2, figure 5) can go, and the way from one to another.

use crate::flow::TcpState::{
    self, CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent, TimeWait,
};

/// The moves of the figure; beside them a reset leads from anywhere to CLOSED. Where there are two ways of one length the one that
/// stands first is taken.
const MOVES: &[(TcpState, TcpState)] = &[
    (Closed, SynSent),
    (Closed, Listen),
    (Listen, SynReceived),
    (Listen, SynSent),
    (SynSent, Established),
    (SynSent, SynReceived),
    (SynReceived, Established),
    (SynReceived, FinWait1),
    (SynReceived, Listen),
    (Established, FinWait1),
    (Established, CloseWait),
    (FinWait1, FinWait2),
    (FinWait1, Closing),
    (FinWait2, TimeWait),
    (Closing, TimeWait),
    (CloseWait, LastAck),
    (LastAck, Closed),
    (TimeWait, Closed),
];

/// Most moves that one packet can bring about: a FIN that acknowledges the FIN of a host in FIN-WAIT-1, say.
const MOST: usize = 2;

/// All states that are passed from one to another, the last included. `reset`: a reset does it. `None`: it cannot go this way with
/// one packet.
pub(super) fn way(from: TcpState, to: TcpState, reset: bool) -> Option<Vec<TcpState>> {
    if reset && to == Closed {
        return Some(vec![Closed]);
    }
    let mut ways = vec![vec![from]];
    for _ in 0..MOST {
        let mut longer = Vec::new();
        for way in &ways {
            let at = way.last().copied();
            // What is closed is over: it is only a start.
            let over = at == Some(Closed) && way.len() > 1;
            for &(_, next) in MOVES.iter().filter(|(here, _)| Some(*here) == at && !over) {
                let mut way = way.clone();
                way.push(next);
                if next == to {
                    way.remove(0);
                    return Some(way);
                }
                longer.push(way);
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_passes_all_between() {
        assert_eq!(way(FinWait1, TimeWait, false), Some(vec![FinWait2, TimeWait]));
        assert_eq!(way(SynReceived, CloseWait, false), Some(vec![Established, CloseWait]));
        assert_eq!(way(Established, Closed, true), Some(vec![Closed]));
    }

    #[test]
    fn there_is_no_way_back() {
        assert_eq!(way(Established, SynSent, false), None);
        assert_eq!(way(TimeWait, Established, false), None);
        assert_eq!(way(Established, Closed, false), None, "three moves, or a reset");
    }
}
