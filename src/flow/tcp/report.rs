//! What a connection contributes to its record.

use super::handshake::Setup;
use super::{Connection, Over};
use crate::flow::key::End;
use crate::flow::record::{EndReason, Handshake, SideRecord, State};

impl Connection {
    /// Bytes of the stream of an end that were seen.
    pub(in crate::flow) fn stream_bytes(&self, end: End) -> u64 {
        self.end(end).stream.unique()
    }

    /// Fills in what TCP knows of one side.
    pub(in crate::flow) fn fill_side(&self, end: End, side: &mut SideRecord) {
        let e = self.end(end);
        side.unique_bytes = e.stream.unique();
        side.unique_bytes_at_least = e.stream.forgot();
        side.ack_packets = e.ack_packets;
        side.pure_acks = e.pure_acks;
        side.data_packets = e.data_packets;
        side.zero_windows = e.zero_windows();
        // What nothing has come to confirm was nonsense.
        side.out_of_window_packets = e.out_of_window() + e.doubtful().0 + self.end(end.other()).doubtful().1;
        side.max_segment = e.max_segment;
        side.min_segment = e.min_segment;
        side.flags = e.flags;
        side.isn = e.isn().map(|isn| isn.0);
        side.mss = e.mss;
        side.window_scale = e.scale;
        side.sack_permitted = e.sack;
        side.timestamps = e.timestamps;
        side.tcp_state = e.state;
        if let Some(aspects) = &self.aspects {
            aspects.fill_side(end, side);
            // Records follow tcptrace; where its list forgot something, the stream as the receiver takes it is the better count.
            if let Some(measured) = side.measured.as_ref().filter(|measured| !measured.at_least) {
                side.unique_bytes = measured.unique_bytes;
                side.unique_bytes_at_least = false;
            }
        }
    }

    /// The set-up as it stands.
    pub(in crate::flow) fn handshake(&self, originator: End) -> Handshake {
        let none = Setup::unseen();
        let setup = self.setup.as_deref().unwrap_or(&none);
        let rtt_responder = setup.leg(originator);
        let rtt_originator = setup.leg(originator.other());
        Handshake {
            outcome: setup.outcome_so_far(),
            syn: setup.syn.get(),
            syn_ack: setup.syn_ack.get(),
            ack: setup.ack(),
            refusal: setup.refusal(),
            icmp: setup.icmp,
            syn_retries: setup.syn_retries(),
            syn_ack_retries: setup.syn_ack_retries(),
            last_syn: setup.last_syn(originator).filter(|_| setup.syn.get().is_some()),
            rtt: rtt_responder.zip(rtt_originator).map(|(a, b)| a + b),
            rtt_originator,
            rtt_responder,
            rtt_ambiguous: setup.ambiguous(),
            fast_open: setup.fast_open,
        }
    }

    /// Is there an outcome that has not been told yet? Asking counts as telling. `ended`: nothing more will come.
    pub(in crate::flow) fn outcome_to_tell(&mut self, ended: bool) -> bool {
        let Some(setup) = &mut self.setup else { return false };
        let outcome = if ended { Some(setup.outcome_so_far()) } else { setup.outcome };
        if outcome.is_none() || outcome == setup.told {
            return false;
        }
        setup.told = outcome;
        true
    }

    /// Why the record is made, when `otherwise` is what made the table give the connection up.
    pub(in crate::flow) fn end_reason(&self, otherwise: EndReason) -> EndReason {
        match self.over {
            Over::Reset(_) | Over::Refused => EndReason::Rst,
            Over::No if self.word(End::Low, true) == State::Closed => EndReason::Fin,
            Over::No => otherwise,
        }
    }
}
