//! ICMP errors belong to the flows that they quote.

use super::{PacketMeta, Tracker};
use crate::decode::{Packet, Transport};
use crate::flow::event::FlowEvent;
use crate::flow::flow::{Body, Flow, IcmpMark, Place};
use crate::flow::icmp::{self, Quote};
use crate::flow::key::End;
use crate::flow::note::{Change, Note};

impl Tracker {
    /// An ICMP error belongs to the flow it quotes, if that is known. It is in none of its counters and keeps it alive for no
    /// longer.
    ///
    /// Part of [`Tracker::on_timed_packet`]; to be called alone where the packet, if the flow is not known here, is to be given to
    /// another tracker.
    pub fn on_icmp_error(&mut self, meta: &PacketMeta, packet: &Packet<'_>) -> Option<Note> {
        self.account(&mut |_: FlowEvent<'_>| {}, |tracker, _| tracker.icmp_error(meta, packet))
    }

    pub(super) fn icmp_error(&mut self, meta: &PacketMeta, packet: &Packet<'_>) -> Option<Note> {
        let (slot, quoted, quote) = self.quoted_flow(packet)?;
        let flow = self.table.get_mut(slot);
        flow.seen(Place { source: meta.source, number: meta.number, ts: meta.ts });
        mark(flow, IcmpMark { kind: quote.kind, number: meta.number, ts: meta.ts, quoted, v6: quote.v6, count: 1 });
        if let Body::Tcp(connection) = &mut flow.body
            && icmp::is_unreachable(quote.v6, quote.kind)
        {
            connection.on_icmp_error(quoted, &quote, meta.number, meta.ts);
        }
        let direction = flow.direction(quoted).flip();
        Some(Note { flow: Some(flow.id()), direction: Some(direction), change: Some(Change::IcmpError), ..Note::default() })
    }

    /// Do ICMP errors belong to the flows that they quote, by the rules in force?
    #[must_use]
    pub const fn joins_icmp_errors(&self) -> bool {
        self.config.profile.joins_icmp_errors
    }

    /// Is the packet an ICMP error that belongs to a flow under way? If not, it is in a conversation of its own addresses.
    #[must_use]
    pub fn knows_quoted(&self, packet: &Packet<'_>) -> bool {
        self.quoted_flow(packet).is_some()
    }

    /// The flow that an ICMP error quotes, the end that sent the quoted packet, and the quote.
    fn quoted_flow(&self, packet: &Packet<'_>) -> Option<(u32, End, Quote)> {
        let is_icmp = matches!(packet.transport, Transport::Icmp | Transport::Icmpv6);
        if !is_icmp || !self.config.profile.joins_icmp_errors {
            return None;
        }
        let quote = icmp::quote(packet)?;
        let (key, quoted) = self.key(&quote.ends, packet);
        let slot = self.table.find(self.keys.hash(&key), &key).or_else(|| {
            // The router that sent it may tag what the conversation's own packets here have no tag of.
            let untagged = quote.ends.key([0; 2], self.keys.tunnel(packet, false)).0;
            self.table.find(self.keys.hash(&untagged), &untagged)
        })?;
        Some((slot, quoted, quote))
    }
}

/// Counts an error. The first stands, unless it explains nothing and this one does.
fn mark(flow: &mut Flow, new: IcmpMark) {
    let Some(mark) = &mut flow.icmp else {
        flow.icmp = Some(Box::new(new));
        return;
    };
    let count = mark.count + 1;
    if new.is_failure(flow.originator) && !mark.is_failure(flow.originator) {
        **mark = new;
    }
    mark.count = count;
}
