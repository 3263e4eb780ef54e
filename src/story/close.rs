//! The orderly end of a connection: FINs (RFC 9293 section 3.6).

use super::SceneKind;
use super::call::{Call, Host};
use super::claim::{Line, Mark};
use super::say::Say;
use super::step::What;
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::VerdictKind;

/// Steps within which a FIN that is sent again tells that its acknowledgment was lost.
const SOON: usize = 512;

/// Was a segment of this kind missing at its receiver until now?
const fn is_missing(kind: VerdictKind) -> bool {
    matches!(kind, VerdictKind::Resent | VerdictKind::Reordered | VerdictKind::Unsure)
}

impl Teller<'_> {
    /// A FIN that was not seen before, at this number.
    pub(super) fn on_fin(&mut self, at: usize, host: Host, fin: Line) {
        self.enter(SceneKind::HangingUp);
        let peer = host.other();
        let second = self.side(peer).fin.is_some() && self.side(peer).fin_acked();
        let half = !second && self.sends_data_after(at, peer);
        let me = self.side(host);
        (me.fin, me.fin_step, me.half) = (Some(fin), Some(at), half);
        let claim = self.say(Mark::OneOf, host, Say::Finishes { at: fin, second, half });
        claim.call(host, Call::Shutdown);
        if !half {
            claim.call(host, Call::Close).call(host, Call::Exit);
        }
        self.say(Mark::Seen, host, Say::FinCounts { next: fin + 1 });
        // What is before it comes first: the end is told when that is acknowledged.
        if self.side(host).acked >= fin && !self.is_sent_again_before_its_end(at, host) {
            self.say_end(host);
        }
        if self.side(peer).half {
            self.say(Mark::OneOf, peer, Say::CloseUnseen).some_time(peer, Call::Close);
        }
    }

    /// The other host's program can read the end of what this host sends.
    pub(super) fn say_end(&mut self, host: Host) {
        let peer = host.other();
        if !std::mem::replace(&mut self.side(host).end_told, true) {
            self.say(Mark::Implied, peer, Say::RecvEnd).some_time(peer, Call::Recv);
        }
    }

    /// Does this host send its FIN again after this step? Then what acknowledged it had not arrived.
    pub(super) fn sends_fin_again(&self, at: usize, host: Host) -> bool {
        let later = self.steps.iter().skip(at + 1).take(SOON).filter(|step| self.host_of(step) == Some(host));
        later.filter_map(|step| step.segment()).any(|segment| segment.accepted && segment.has(TcpFlags::FIN))
    }

    /// Does this host send data for which the other one has an ear, after this step?
    fn sends_data_after(&self, at: usize, host: Host) -> bool {
        let taken = |step: &&&super::step::Step| match &step.what {
            What::Segment(segment) => segment.accepted && !segment.has(TcpFlags::RST),
            _ => false,
        };
        let from_host = |step: &&super::step::Step| self.host_of(step) == Some(host);
        let later = self.steps.iter().skip(at + 1).filter(|step| from_host(step) && step.len > 0).find(taken);
        // A reset in answer says that nobody listened.
        later.is_some() && !self.reset_after(at, host.other())
    }

    /// Does this host send its own FIN after this step without having had the one that is in it? Then both had closed at the same time.
    pub(super) fn fins_cross(&self, at: usize, host: Host) -> bool {
        let Some(fin) = self.sides[host.other().index()].fin else { return false };
        let fins = |segment: &&super::Segment| segment.accepted && segment.has(TcpFlags::FIN);
        let theirs = self.steps.iter().skip(at + 1).filter(|step| self.host_of(step) == Some(host));
        let theirs = theirs.filter_map(|step| step.segment()).find(fins);
        let acked = theirs.and_then(|segment| self.sides[host.other().index()].place(segment.ack));
        acked.is_some_and(|acked| acked <= fin)
    }

    /// Does this host, which has sent its FIN, send that or something before it again until the FIN is acknowledged, or does something come
    /// late? Then it was missing at the other host, and the end had to wait there: at least nothing says that it had not.
    pub(super) fn is_sent_again_before_its_end(&self, at: usize, host: Host) -> bool {
        let side = &self.sides[host.index()];
        let Some(fin) = side.fin else { return false };
        for step in self.steps.iter().skip(at + 1) {
            let Some(segment) = step.segment().filter(|segment| segment.accepted) else { continue };
            if self.host_of(step) != Some(host) {
                if segment.has(TcpFlags::ACK) && side.place(segment.ack).is_some_and(|ack| ack > fin) {
                    return false;
                }
            } else if (step.len > 0 || segment.has(TcpFlags::FIN))
                && segment.verdict.is_some_and(|verdict| is_missing(verdict.kind))
                && side.place(segment.seq).is_some_and(|seq| seq <= fin)
            {
                return true;
            }
        }
        false
    }

    /// Does this host reset the connection after this step?
    fn reset_after(&self, at: usize, host: Host) -> bool {
        self.steps.iter().skip(at + 1).any(|step| {
            let resets = step.segment().is_some_and(|segment| segment.has(TcpFlags::RST));
            resets && self.host_of(step) == Some(host)
        })
    }
}
