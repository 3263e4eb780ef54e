//! A packet that was copied on its way or by the capture: no host sent it twice. The tracker says so of what carries data, SYN or FIN
//! (`docs/verdicts.md`); of acknowledgments and resets the identification of the datagram tells.

use super::call::Host;
use super::claim::{Cause, Mark};
use super::say::Say;
use super::step::{Segment, Step};
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::VerdictKind;

/// Packets before it among which the first one is looked for.
const LATELY: usize = 16;

impl Teller<'_> {
    /// Says whether this is a copy of a packet that was told before.
    pub(super) fn on_copy(&mut self, at: usize, host: Host, segment: &Segment) -> bool {
        let step = self.step(at);
        match segment.verdict {
            Some(verdict) if verdict.kind == VerdictKind::Duplicate => {
                let against = verdict.against.and_then(|place| self.find(at, place));
                if let Some(of) = against {
                    self.say(Mark::Seen, host, Say::SeenBefore { of, after: step.ts - self.step(of).ts }).by(of);
                }
                let mark = if verdict.confidence == Some(crate::flow::Confidence::Sure) { Mark::Implied } else { Mark::OneOf };
                self.say(mark, host, Say::Judged { verdict, against, cause: Cause::Unknown }).evidence.extend(against);
                true
            }
            None if step.len == 0 && !segment.has(TcpFlags::SYN | TcpFlags::FIN) => {
                let Some(of) = self.copied_from(at, host, segment) else { return false };
                let first = self.step(of);
                let ttls = first.ttl.zip(step.ttl).filter(|(before, now)| before != now);
                self.say(Mark::Implied, host, Say::Copied { of, after: step.ts - first.ts, ttls }).by(of);
                true
            }
            _ => false,
        }
    }

    /// The packet of which this is a copy: the same in all that is looked at, and no other packet of its sender has its identification.
    fn copied_from(&self, at: usize, host: Host, segment: &Segment) -> Option<usize> {
        let step = self.steps[at];
        let id = step.ip_id.filter(|id| *id != 0)?;
        let lately = self.steps[..at].iter().enumerate().rev().take(LATELY);
        let mut named = lately.filter(|(_, other)| other.ip_id == Some(id) && self.host_of(other) == Some(host));
        let same = |other: &Step| {
            other.len == 0
                && other.ttl >= step.ttl
                && other.segment().is_some_and(|other| {
                    (other.seq, other.ack, other.flags, other.window) == (segment.seq, segment.ack, segment.flags, segment.window)
                        && other.options == segment.options
                })
        };
        let (of, first) = named.next()?;
        (same(first) && named.all(|(_, other)| same(other))).then_some(of)
    }
}
