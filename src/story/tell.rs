//! Goes through the steps of a conversation in order and has each explained by the rules that fit; keeps what is known of both hosts.

use super::call::{Call, Called, Host};
use super::claim::{Claim, Mark};
use super::say::Say;
use super::side::Side;
use super::step::{Step, Steps, What};
use super::{Scene, SceneKind, Story, Told};
use crate::decode::TcpFlags;
use crate::flow::{Direction, FlowRecord};
use crate::model::Span;

/// A leg shorter than this is not worth a word: the packet arrives at once.
const WORTH: Span = Span::from_nanos(500_000);

/// All that is known while the steps are gone through.
pub(super) struct Teller<'s> {
    pub(super) record: &'s FlowRecord,
    pub(super) steps: Vec<&'s Step>,
    pub(super) sides: [Side; 2],
    /// What is said of the step at hand.
    claims: Vec<Claim>,
    /// The step at hand belongs here.
    scene: SceneKind,
    /// The step at hand is one of many alike.
    plain: bool,
}

/// The story of a conversation: its steps, and the record made when it ended.
#[must_use]
pub fn tell(steps: &Steps, record: &FlowRecord) -> Story {
    let list: Vec<&Step> = steps.iter().collect();
    let scene = if record.handshake.is_some() { SceneKind::SettingUp } else { SceneKind::Talking };
    let mut teller =
        Teller { record, steps: list, sides: [Side::default(), Side::default()], claims: Vec::new(), scene, plain: false };
    teller.find_floors();
    let before = teller.before();
    let mut scenes: Vec<Scene> = Vec::new();
    for at in 0..teller.steps.len() {
        if steps.gap_at() == Some(at) {
            teller.forget();
        }
        let told = teller.on_step(at);
        let kind = teller.scene;
        match scenes.last_mut() {
            Some(scene) if scene.kind == kind => scene.steps.push(told),
            _ => scenes.push(Scene { kind, steps: vec![told] }),
        }
    }
    let after = teller.after();
    let sums = teller.sums();
    Story { before, scenes, after, sums, left_out: steps.left_out(), gap_at: steps.gap_at(), traced: None }
}

impl<'s> Teller<'s> {
    /// Who sent a step: the hosts of ICMP errors are told by address alone.
    pub(super) fn host_of(&self, step: &Step) -> Option<Host> {
        let (client, server) = (self.record.originator, self.record.responder);
        if matches!(step.what, What::Segment(_) | What::Datagram(_)) {
            if step.from == client {
                return Some(Host::Client);
            }
            return (step.from == server).then_some(Host::Server);
        }
        if let What::Piece(_) = step.what {
            return step.direction.map(Host::from);
        }
        if client.ip == server.ip {
            return None;
        }
        if step.from.ip == client.ip {
            return Some(Host::Client);
        }
        (step.from.ip == server.ip).then_some(Host::Server)
    }

    pub(super) fn side(&mut self, host: Host) -> &mut Side {
        &mut self.sides[host.index()]
    }

    pub(super) fn step(&self, at: usize) -> &'s Step {
        self.steps[at]
    }

    pub(super) fn enter(&mut self, scene: SceneKind) {
        self.scene = self.scene.max(scene);
    }

    pub(super) fn mark_plain(&mut self) {
        self.plain = true;
    }

    /// Steps between were left out: what was under way is not known any more.
    fn forget(&mut self) {
        for side in &mut self.sides {
            side.under_way.clear();
            side.has_question = None;
            (side.repeats, side.asked, side.lost) = (0, None, true);
        }
    }

    fn on_step(&mut self, at: usize) -> Told {
        let step = self.step(at);
        self.plain = false;
        match &step.what {
            What::Segment(segment) => {
                if let Some(host) = self.host_of(step) {
                    self.on_segment(at, host, segment);
                }
            }
            What::Datagram(_) => self.on_datagram(at),
            What::Message { kind, code, v6, id } => self.on_message(at, *kind, *code, *v6, *id),
            What::Error { .. } => self.on_error(at),
            What::Piece(_) => self.on_piece(at),
        }
        let mut claims = std::mem::take(&mut self.claims);
        if claims.is_empty() {
            claims.push(Claim { mark: Mark::Seen, host: None, say: Say::NoRule, calls: Vec::new(), evidence: Vec::new() });
        }
        let host = self.host_of(step);
        let (seq, ack) = match (step.segment(), host) {
            (Some(segment), Some(host)) => self.numbers(host, segment),
            _ => (None, None),
        };
        Told { step: at, host, seq, ack, claims, plain: self.plain }
    }

    /// Where a segment's numbers lie.
    fn numbers(&self, host: Host, segment: &super::Segment) -> (Option<super::Line>, Option<super::Line>) {
        // Below the beginning they are none of this connection.
        let own = |place: Option<super::Line>| place.filter(|at| *at >= 0);
        let seq = self.sides[host.index()].place(segment.seq);
        let ack = self.sides[host.other().index()].place(segment.ack);
        (own(seq), own(ack).filter(|_| segment.has(TcpFlags::ACK)))
    }

    /// The lowest number of each host, where the capture does not have its SYN: sent, acknowledged or told by SACK.
    fn find_floors(&mut self) {
        let mut lowest: [Option<u32>; 2] = [None, None];
        let mut has_syn = [false, false];
        for step in &self.steps {
            let Some((segment, host)) = step.segment().zip(self.host_of(step)) else { continue };
            if !segment.accepted || segment.has(TcpFlags::RST) {
                continue;
            }
            has_syn[host.index()] |= segment.has(TcpFlags::SYN);
            let acks = [segment.ack].into_iter().chain(segment.options.sack.iter().map(|(first, _)| *first));
            let acks = acks.filter(|_| segment.has(TcpFlags::ACK)).map(|ack| (host.other(), ack));
            for (of, number) in acks.chain([(host, segment.seq)]) {
                let low = lowest[of.index()].get_or_insert(number);
                if (number.wrapping_sub(*low) as i32) < 0 {
                    *low = number;
                }
            }
        }
        for host in [Host::Client, Host::Server] {
            self.side(host).floor = lowest[host.index()].filter(|_| !has_syn[host.index()]);
        }
    }

    /// Says something of the step at hand.
    pub(super) fn say(&mut self, mark: Mark, host: impl Into<Option<Host>>, say: Say) -> &mut Claim {
        let at = self.claims.len();
        self.claims.push(Claim { mark, host: host.into(), say, calls: Vec::new(), evidence: Vec::new() });
        &mut self.claims[at]
    }

    /// Has anything been said of the step at hand?
    pub(super) const fn is_silent(&self) -> bool {
        self.claims.is_empty()
    }

    /// How much later than here a packet arrives at this host: half of the round trip between here and there, where that is worth a
    /// word.
    pub(super) fn later_at(&self, host: Host) -> Option<Span> {
        let handshake = self.record.handshake.as_ref()?;
        let leg = match host {
            Host::Client => handshake.rtt_originator,
            Host::Server => handshake.rtt_responder,
        }?;
        let half = Span::from_nanos(leg.nanos() / 2);
        (half >= WORTH).then_some(half)
    }

    /// The leg between here and a host, there and back.
    pub(super) fn leg_to(&self, host: Host) -> Option<Span> {
        let handshake = self.record.handshake.as_ref()?;
        match host {
            Host::Client => handshake.rtt_originator,
            Host::Server => handshake.rtt_responder,
        }
    }
}

impl Claim {
    /// Names a call that causes the packet, or that it lets return.
    pub(super) fn call(&mut self, host: Host, call: Call) -> &mut Self {
        self.calls.push(Called { host, call, tied: true });
        self
    }

    /// Names a call that no packet belongs to: it lies somewhere from here on.
    pub(super) fn some_time(&mut self, host: Host, call: Call) -> &mut Self {
        self.calls.push(Called { host, call, tied: false });
        self
    }

    /// Names a step that it rests on.
    pub(super) fn by(&mut self, step: usize) -> &mut Self {
        self.evidence.push(step);
        self
    }
}

impl From<Direction> for Host {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Originator => Self::Client,
            Direction::Responder => Self::Server,
        }
    }
}

impl Teller<'_> {
    /// What was said outside of any step.
    pub(super) fn take_claims(&mut self) -> Vec<Claim> {
        std::mem::take(&mut self.claims)
    }
}
