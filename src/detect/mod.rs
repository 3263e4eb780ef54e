//! What deserves a look: flows and packets to findings, each with its evidence.
//!
//! [`Detectors`] take what the engine tells and give the findings at the end: one for each cause and group of conversations, the gravest
//! first. `setup` has attempts that failed, `trouble` what went wrong afterwards, `scan` who asks many, `flood` who is asked by many, `said` what applications say;
//! `evidence` remembers packets worth citing, `groups` bounds what is kept. Nothing here has words of screens.
//!
//! All of it is bounded, whatever comes: each detector counts what found no room, and [`Detectors::finish`] says how much that was. All
//! together keep to a share of memory, as the allocator counts it ([`Detectors::within`]).

mod evidence;
pub mod finding;
mod flood;
mod groups;
mod said;
mod scan;
mod setup;
#[cfg(test)]
mod tests;
mod trouble;

pub use finding::{Cause, Few, Finding, NameFault, Place, PortState, Scan, ScanKind, ScanShape, Severity};

use crate::flow::{FlowId, FlowRecord, Note, Settled};
use crate::heap;
use crate::model::Timestamp;

/// Findings at most; those that are less grave give way.
const MOST: usize = 10_000;

/// All detectors.
#[derive(Debug, Default)]
pub struct Detectors {
    seens: evidence::Seens,
    setups: setup::Setups,
    troubles: trouble::Troubles,
    scans: scan::Scans,
    floods: flood::Floods,
    sayings: said::Sayings,
    /// The latest time seen.
    latest: Option<Timestamp>,
    /// Bytes that all of them hold, and may hold.
    held: isize,
    most: Option<usize>,
    /// What was not looked at, because they hold so much.
    turned_away: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The findings, the gravest first.
    pub findings: Vec<Finding>,
    /// Conversations and groups that found no room in a detector: there may be more to find.
    pub without_room: u64,
}

impl Detectors {
    /// A packet: where it stands, when it was seen, what the tracker says of it. Nothing is done for most of them.
    #[inline]
    pub fn on_packet(&mut self, place: Place, ts: Timestamp, note: &Note) {
        self.latest = self.latest.max(Some(ts));
        if note.change.is_some() || note.verdict.is_some() {
            self.counted(|all| all.seens.on_packet(place, ts, note));
        }
    }

    /// They hold no more than so many bytes, if the program's allocator counts ([`heap`]).
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most: Some(bytes), ..self }
    }

    /// Does what `work` does where there is room for more, and counts what that takes.
    fn counted(&mut self, work: impl FnOnce(&mut Self)) {
        // A table that grows has both its sizes for a moment.
        if self.has_more_than(3) {
            self.turned_away += 1;
            return;
        }
        let before = heap::held();
        work(self);
        self.held += heap::held() - before;
    }

    /// Do they hold more than so many quarters of their share?
    fn has_more_than(&self, quarters: usize) -> bool {
        self.most.is_some_and(|most| self.held > (most / 4 * quarters).cast_signed())
    }

    /// What was seen of a conversation that is over.
    fn take(&mut self, flow: FlowId) -> Option<evidence::Seen> {
        let before = heap::held();
        let seen = self.seens.take(flow);
        // Whatever its lists take is given back in a moment.
        self.held += heap::held() - before - seen.as_ref().map_or(0, |seen| seen.bytes().cast_signed());
        seen
    }

    /// The verdict on an earlier packet.
    pub fn on_settled(&mut self, settled: &Settled) {
        self.seens.on_settled(settled);
    }

    /// A conversation that is over.
    pub fn on_flow(&mut self, record: &FlowRecord) {
        // Where no packets are told, records alone say how late it is.
        let now = self.latest.map_or(record.end, |latest| latest.max(record.end));
        self.latest = Some(now);
        let seen = self.take(record.id);
        // What is of use is what there is most of, and is to leave room for the others.
        let roomy = !self.has_more_than(1);
        self.counted(|all| {
            all.setups.on_flow(record, now);
            all.troubles.on_flow(record, seen.as_ref());
            all.scans.on_flow(record, roomy);
            all.floods.on_flow(record);
            all.sayings.on_flow(record, now);
        });
    }

    /// A conversation that is over and of which nothing is to be found.
    pub fn forget(&mut self, flow: FlowId) {
        self.take(flow);
    }

    /// The findings. `dropped`: packets that the capture lost, as far as its sources tell.
    #[must_use]
    pub fn finish(self, dropped: Option<u64>) -> Found {
        let Self { seens, setups, troubles, scans, floods, sayings, turned_away, .. } = self;
        let here = turned_away + setups.without_room() + troubles.without_room() + sayings.without_room();
        let without_room = here + seens.without_room + scans.without_room + floods.without_room;
        let mut findings = Vec::new();
        let mut covered = scans.finish(&mut findings);
        floods.finish(&mut covered.flooded, &mut findings);
        setups.finish(&covered, &mut findings);
        troubles.finish(dropped, &mut findings);
        sayings.finish(&mut findings);
        for finding in &mut findings {
            finding.packets.first.sort_unstable();
        }
        findings.sort_by(|a, b| {
            let order = b.severity.cmp(&a.severity).then(rank(&a.cause).cmp(&rank(&b.cause)));
            order.then(b.flows.total.cmp(&a.flows.total))
        });
        let over = findings.len().saturating_sub(MOST) as u64;
        findings.truncate(MOST);
        Found { findings, without_room: without_room + over }
    }
}

/// The order of findings that are equally grave.
const fn rank(cause: &Cause) -> u8 {
    match cause {
        Cause::SynFlood { .. } => 0,
        Cause::Scan(_) => 1,
        Cause::NoAnswer { .. } => 2,
        Cause::Unreachable { .. } => 3,
        Cause::WindowShut { .. } => 4,
        Cause::Resent { .. } => 5,
        Cause::HalfOpen { .. } => 6,
        Cause::Refused { .. } => 7,
        Cause::Reset { .. } => 8,
        Cause::Password { .. } => 9,
        Cause::Names { .. } => 10,
        Cause::Probe { .. } => 11,
        Cause::CaptureLoss { .. } => 12,
    }
}
