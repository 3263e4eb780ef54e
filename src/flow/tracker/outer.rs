//! What a profile takes and leaves: frames at their IP headers, and the datagrams around a tunnelled packet.

use super::{PacketMeta, Tracker};
use crate::decode::{Packet, Transport};
use crate::flow::event::FlowSink;
use crate::flow::profile::Rules;
use crate::flow::zeek::{self, Admission};

impl Tracker {
    /// Does the frame pass where the profile looks at IP headers? To be asked of each, before its fragments are joined; ours
    /// takes all.
    pub fn admit(&mut self, meta: &PacketMeta, packet: &Packet<'_>) -> Admission {
        if self.config.profile.rows == Rules::Ours {
            return Admission::Taken;
        }
        if !zeek::admission::fits(packet, meta.wire_bytes)
            || (self.judges && !self.judge.network((meta.source, meta.number), packet))
        {
            return Admission::Refused;
        }
        match (zeek::admission::is_cut_fragment(packet), packet.fragment.offset) {
            (false, _) => Admission::Taken,
            (true, 0) => Admission::Alone,
            (true, _) => Admission::Refused,
        }
    }

    /// Have the datagrams around a tunnelled packet rows of their own? Then they are to be given to [`Self::on_outer`] first.
    #[must_use]
    pub const fn follows_outer_flows(&self) -> bool {
        self.config.profile.outer_flows
    }

    /// Takes a datagram around the packet that [`Self::on_packet`] will be given next; outermost first. `false`: what is inside
    /// is not to be looked at.
    pub fn on_outer(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> bool {
        self.on_packet_time(meta.ts, sink);
        if packet.tunnel.depth == 0 {
            self.parents.clear();
        }
        let parents = std::mem::take(&mut self.parents);
        let (slot, sound) = self.take(meta, packet, &parents, sink).map_or((None, true), |(slot, _, sound)| (Some(slot), sound));
        self.parents = parents;
        if let Some(slot) = slot {
            let flow = self.table.get_mut(slot);
            if sound
                && packet.transport == Transport::Udp
                && zeek::admission::is_too_deep(packet)
                && let Some(conn) = &mut flow.zeek
            {
                conn.stop_analysis(&mut self.room);
            }
            self.parents.push(flow.birth());
        }
        sound && zeek::admission::opens(packet)
    }
}
