//! The states of both ends as an observer between them infers them (RFC 9293 section 3.3.2), and the one word that people see.
//!
//! A packet is taken as sent and received at the moment it is seen: half a round trip early or late, never out of order.

use super::endpoint::Endpoint;
use crate::flow::record::TcpState::{
    self, CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent, TimeWait,
};

/// `me` sends a SYN without ACK, and `peer` gets it.
pub(super) fn syn_sent(me: &mut Endpoint, peer: &mut Endpoint) {
    me.state = match me.state {
        None | Some(Closed | Listen) => Some(SynSent),
        other => other,
    };
    // A peer that has not answered yet may listen, or not be there at all: nothing is known of it.
    peer.state = match peer.state {
        // RFC 9293 (3.5), simultaneous open: a SYN received in SYN-SENT leads to SYN-RECEIVED, at both ends.
        Some(SynSent) => {
            me.state = Some(SynReceived);
            Some(SynReceived)
        }
        other => other,
    };
}

/// `me` sends a SYN-ACK that acknowledges `peer`'s SYN.
pub(super) fn syn_ack_sent(me: &mut Endpoint, peer: &mut Endpoint) {
    if matches!(me.state, None | Some(Closed | Listen | SynSent)) {
        me.state = Some(SynReceived);
    }
    if matches!(peer.state, None | Some(Closed | Listen | SynSent | SynReceived)) {
        peer.state = Some(Established);
    }
}

/// Both ends are open: the handshake is complete, or the conversation began before the capture.
pub(super) fn opened(end: &mut Endpoint) {
    if matches!(end.state, None | Some(Listen | SynSent | SynReceived)) {
        end.state = Some(Established);
    }
}

/// `end`'s FIN is acknowledged.
pub(super) fn fin_acknowledged(end: &mut Endpoint) {
    end.state = match end.state {
        Some(FinWait1) => Some(FinWait2),
        Some(Closing) => Some(TimeWait),
        Some(LastAck) => Some(Closed),
        other => other,
    };
}

/// `me` sends its FIN, and `peer` gets it.
pub(super) fn fin_sent(me: &mut Endpoint, peer: &mut Endpoint) {
    me.state = match me.state {
        Some(Established | SynReceived) => Some(FinWait1),
        Some(CloseWait) if peer.fin_acked() => Some(LastAck),
        // Sent without knowing of the peer's FIN: the two have crossed.
        Some(CloseWait) => Some(Closing),
        other => other,
    };
    peer.state = match peer.state {
        Some(Established | SynReceived) => Some(CloseWait),
        Some(FinWait1) if peer.fin_acked() => Some(TimeWait),
        Some(FinWait1) => Some(Closing),
        Some(FinWait2) => Some(TimeWait),
        other => other,
    };
}

/// A reset that counts: nothing is left at either end.
pub(super) fn reset(ends: &mut [Endpoint; 2]) {
    for end in ends {
        end.state = Some(TcpState::Closed);
    }
}
