//! Connections in which somebody else spoke: resets that their sender knows nothing of, and data that came again with other bytes. What
//! contradicts itself was found while the connections went on (`flow/tampered.rs`); here it is gathered by who is spoken for.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use crate::flow::{Few, FlowId, FlowRecord, ForgedReset, Place, Rewritten};
use crate::model::{Endpoint, IpProtocol};
use std::net::IpAddr;

/// Routers by which the ways of two packets differ where it was not one host that sent them.
const WAYS: u8 = 2;

#[derive(Debug, Default)]
struct Forged {
    flows: Few<FlowId>,
    packets: Few<Place>,
    ends: Option<(Endpoint, Endpoint)>,
    resets: u64,
    after: u64,
    acknowledged: bool,
    guessed: bool,
    sure: bool,
    ttl: (u8, u8),
}

#[derive(Debug, Default)]
struct Other {
    flows: Few<FlowId>,
    packets: Few<Place>,
    ends: Option<(Endpoint, Endpoint)>,
    segments: u64,
    sure: bool,
}

/// What somebody did so far, by who is spoken for and to whom.
#[derive(Debug, Default)]
pub(super) struct Tamperings {
    resets: Groups<IpAddr, Forged>,
    rewritten: Groups<IpAddr, Other>,
    unwatched: u64,
}

impl Tamperings {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { resets: Groups::within(bounds), rewritten: Groups::within(bounds), unwatched: 0 }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let Some(seen) = record.cited.as_deref().filter(|_| record.protocol == IpProtocol::TCP) else { return };
        self.unwatched += u64::from(seen.unwatched);
        let Some(tampered) = seen.tampered.as_deref() else { return };
        let ends = [(record.originator, record.responder), (record.responder, record.originator)];
        for (at, ends) in ends.into_iter().enumerate() {
            if let Some(forged) = &tampered.resets[at] {
                self.reset(record.id, ends, forged);
            }
            if let Some(rewritten) = &tampered.rewritten[at] {
                self.rewrite(record.id, ends, rewritten);
            }
        }
    }

    fn reset(&mut self, flow: FlowId, (by, to): (Endpoint, Endpoint), forged: &ForgedReset) {
        let Some(group) = self.resets.of(by.ip, to.ip) else { return };
        group.flows.push(flow);
        group.packets.extend(&forged.resets);
        group.packets.extend(&forged.after);
        group.resets += forged.resets.total;
        group.after += forged.after.total;
        group.acknowledged |= forged.acknowledged;
        group.guessed |= forged.guessed;
        // A single packet, later, and by another way than the reset, is as good as two.
        let another_way = forged.ttl.0.abs_diff(forged.ttl.1) >= WAYS;
        group.sure |= forged.acknowledged || forged.after.total > 1 || (forged.late && another_way);
        if group.ends.is_none() {
            (group.ends, group.ttl) = (Some((by, to)), forged.ttl);
        }
    }

    fn rewrite(&mut self, flow: FlowId, (by, to): (Endpoint, Endpoint), rewritten: &Rewritten) {
        let Some(group) = self.rewritten.of(by.ip, to.ip) else { return };
        group.flows.push(flow);
        group.packets.extend(&rewritten.packets);
        group.segments += rewritten.sure + rewritten.unsure;
        group.sure |= rewritten.sure > 0;
        group.ends.get_or_insert((by, to));
    }

    /// Connections that found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.resets.without_room + self.rewritten.without_room + self.unwatched
    }

    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        for (_, group) in self.resets.into_sorted() {
            let Forged { flows, packets, ends, resets, after, acknowledged, guessed, sure, ttl } = group;
            let Some((by, to)) = ends else { continue };
            let severity = if sure { Severity::High } else { Severity::Medium };
            let cause = Cause::InjectedReset { by, to, resets, after, acknowledged, guessed, ttl };
            found.push(Finding { severity, cause, flows, packets });
        }
        for (_, group) in self.rewritten.into_sorted() {
            let Other { flows, packets, ends, segments, sure } = group;
            let Some((sender, receiver)) = ends else { continue };
            let severity = if sure { Severity::High } else { Severity::Medium };
            found.push(Finding { severity, cause: Cause::RewrittenData { sender, receiver, segments, sure }, flows, packets });
        }
    }
}
