//! What deserves a look: records of flows to findings, each with its evidence.
//!
//! [`Detectors`] take what the engine tells and give the findings at the end: one for each cause and group of conversations, the gravest
//! first. `setup` has attempts that failed, `trouble` what went wrong afterwards, `scan` who asks many, `flood` who is asked by many, `said` what applications say, `neighbours` who says to have which address, `tampered` who else speaks in a connection;
//! `groups` bounds what is kept. Nothing here has words of screens.
//!
//! All of it is bounded, whatever comes: each detector counts what found no room, and [`Detectors::finish`] says how much that was.

mod black_hole;
mod bounds;
mod clear;
mod exposed;
pub mod finding;
mod flood;
mod gone;
mod groups;
mod left_open;
mod neighbours;
mod said;
mod scan;
mod scanned;
mod setup;
mod slow;
mod tampered;
#[cfg(test)]
mod tests;
mod trouble;

pub use crate::flow::{Few, Place};
pub use finding::{Cause, Conflict, Finding, Leak, NameFault, Severity, SlowWay};
pub use scanned::{PortState, Scan, ScanKind, ScanShape};

use crate::flow::{FlowRecord, Neighbour, Wants};
use crate::model::Network;
use bounds::Bounds;

/// Findings at most; those that are less grave give way.
const MOST: usize = 10_000;

/// All detectors.
#[derive(Debug, Default)]
pub struct Detectors {
    setups: setup::Setups,
    troubles: trouble::Troubles,
    scans: scan::Scans,
    floods: flood::Floods,
    sayings: said::Sayings,
    slow: slow::SlowRequests,
    left_open: left_open::LeftOpen,
    exposed: exposed::Exposed,
    clear: clear::ClearProtocols,
    black_holes: black_hole::BlackHoles,
    gone: gone::Gone,
    neighbours: neighbours::Neighbours,
    tamperings: tampered::Tamperings,
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
    /// What a tracker must work out for them.
    pub const WANTS: Wants = Wants { verdicts: true, app: true, cited: true, neighbours: true, ..Wants::NONE };

    /// Detectors that take at most so many bytes: 64 MiB are enough for all that they ever keep.
    #[must_use]
    pub fn within(bytes: usize) -> Self {
        let bounds = Bounds::within(bytes);
        Self {
            setups: setup::Setups::within(bounds),
            troubles: trouble::Troubles::within(bounds),
            scans: scan::Scans::within(bounds),
            floods: flood::Floods::within(bounds),
            sayings: said::Sayings::within(bounds),
            slow: slow::SlowRequests::within(bounds),
            left_open: left_open::LeftOpen::within(bounds),
            exposed: exposed::Exposed::within(bounds),
            clear: clear::ClearProtocols::within(bounds),
            black_holes: black_hole::BlackHoles::within(bounds),
            gone: gone::Gone::within(bounds),
            neighbours: neighbours::Neighbours::within(bounds),
            tamperings: tampered::Tamperings::within(bounds),
        }
    }

    /// The same where these networks are local, beside private ones.
    #[must_use]
    pub fn with_local(mut self, local: Vec<Network>) -> Self {
        self.exposed.with_local(local);
        self
    }

    /// A conversation that is over.
    pub fn on_flow(&mut self, record: &FlowRecord) {
        self.setups.on_flow(record);
        self.troubles.on_flow(record);
        self.scans.on_flow(record);
        self.floods.on_flow(record);
        self.sayings.on_flow(record);
        self.slow.on_flow(record);
        self.left_open.on_flow(record);
        self.exposed.on_flow(record);
        self.clear.on_flow(record);
        self.black_holes.on_flow(record);
        self.gone.on_flow(record);
        self.neighbours.on_flow(record);
        self.tamperings.on_flow(record);
    }

    /// A host says something of addresses on its network.
    pub fn on_neighbour(&mut self, said: &Neighbour) {
        self.neighbours.on_neighbour(said);
    }

    /// The findings. `dropped`: packets that the capture lost, as far as its sources tell.
    #[must_use]
    pub fn finish(self, dropped: Option<u64>) -> Found {
        let Self {
            setups,
            troubles,
            scans,
            floods,
            sayings,
            slow,
            left_open,
            exposed,
            clear,
            black_holes,
            gone,
            neighbours,
            tamperings,
        } = self;
        let here = setups.without_room() + troubles.without_room() + sayings.without_room();
        let here = here + slow.without_room() + left_open.without_room() + exposed.without_room() + clear.without_room();
        let here =
            here + black_holes.without_room() + gone.without_room() + neighbours.without_room() + tamperings.without_room();
        let without_room = here + scans.without_room + floods.without_room;
        let mut findings = Vec::new();
        let mut covered = scans.finish(&mut findings);
        floods.finish(&mut covered.flooded, &mut findings);
        setups.finish(&covered, &mut findings);
        troubles.finish(dropped, &mut findings);
        sayings.finish(&covered, &mut findings);
        slow.finish(&mut findings);
        left_open.finish(&mut findings);
        exposed.finish(&covered, &mut findings);
        clear.finish(&mut findings);
        black_holes.finish(&mut findings);
        gone.finish(&mut findings);
        neighbours.finish(&mut findings);
        tamperings.finish(&mut findings);
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
        Cause::SynFlood { .. } | Cause::SpoofedAddress { .. } => 0,
        Cause::Scan(_) | Cause::SlowRequests { .. } | Cause::InjectedReset { .. } | Cause::RewrittenData { .. } => 1,
        Cause::NoAnswer { .. } => 2,
        Cause::Unreachable { .. } | Cause::BlackHole { .. } | Cause::PeerGone { .. } | Cause::DuplicateAddress { .. } => 3,
        Cause::WindowShut { .. } => 4,
        Cause::Resent { .. } | Cause::PathMtu { .. } => 5,
        Cause::HalfOpen { .. } => 6,
        Cause::Refused { .. } => 7,
        Cause::Reset { .. } | Cause::TlsAlert { .. } => 8,
        Cause::Password { .. } | Cause::LeftOpen { .. } | Cause::ExposedPort { .. } | Cause::ClearProtocol { .. } => 9,
        Cause::Names { .. } => 10,
        Cause::Probe { .. } | Cause::NeighbourSilent { .. } => 11,
        Cause::CaptureLoss { .. } => 12,
    }
}
