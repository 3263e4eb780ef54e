//! When a connection counts as open: both SYNs acknowledged, or what follows that.

use super::endpoint::Known;
use super::handshake::Sight;
use super::segment::Segment;
use super::{Connection, state};
use crate::decode::TcpFlags;
use crate::flow::key::End;

impl Connection {
    /// Opens the connection if both SYNs are acknowledged. A SYN that was missed counts as acknowledged once the SYN-ACK is.
    pub(super) fn open_if_answered(&mut self, sight: Sight) {
        let Some(setup) = &self.setup else { return };
        let answered = |end: End| match self.end(end).known {
            Known::Syn => self.end(end).acked > 0,
            _ => setup.sent_syn_ack(end.other()),
        };
        if self.open || !answered(End::Low) || !answered(End::High) {
            return;
        }
        self.become_open();
        if let Some(setup) = &mut self.setup {
            setup.opened_by(sight);
        }
    }

    /// Opens the connection where a packet of the handshake was missed, but what follows it was seen.
    pub(super) fn open_if_it_goes_on(&mut self, from: End, segment: &Segment<'_>, sight: Sight) {
        let Some(setup) = &self.setup else { return };
        if self.open {
            return;
        }
        let me = self.end(from);
        let peer = self.end(from.other());
        // The SYN-ACK was missed: the originator acknowledges something.
        let opener_goes_on = setup.knocked_bare(from) && peer.known != Known::Syn && segment.has(TcpFlags::ACK);
        // The ACK was missed: the responder sends data, which it may do before the ACK only with fast open.
        let answerer_goes_on = me.known == Known::Syn
            && !setup.knocked_bare(from)
            && !setup.fast_open
            && (segment.len > 0 || segment.has(TcpFlags::FIN));
        if opener_goes_on || answerer_goes_on {
            self.become_open();
        }
        if opener_goes_on && let Some(setup) = &mut self.setup {
            setup.opened_by(sight);
        }
    }

    fn become_open(&mut self) {
        self.open = true;
        for end in &mut self.ends {
            state::opened(end);
        }
        if let Some(setup) = &mut self.setup {
            setup.on_established();
        }
    }
}
