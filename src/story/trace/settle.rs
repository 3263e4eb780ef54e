//! Puts what was traced into a story: what one host's program did is certain then, and what it did not do is not said.

use super::{Trace, TracedCall};
use crate::model::{Span, Timestamp};
use crate::story::call::{Call, Called, Host};
use crate::story::claim::{Claim, Line, Mark};
use crate::story::say::Say;
use crate::story::step::Step;
use crate::story::{Scene, Story, Told};
use std::ops::Range;

/// The moment after which something was called: strace writes microseconds.
const ROUNDING: Span = Span::from_nanos(999);

/// Puts what was traced into a story: the calls of one host, each where it caused a packet, or between two.
pub fn settle(story: &mut Story, steps: &[&Step], trace: &Trace) {
    let host = trace.host;
    let spans = sent_ranges(trace);
    let mut told = vec![false; trace.calls.len()];
    let mut list: Vec<&mut Told> = story.scenes.iter_mut().flat_map(|scene: &mut Scene| &mut scene.steps).collect();
    let times: Vec<Timestamp> = list.iter().map(|told| steps.get(told.step).map_or(Timestamp::MAX, |step| step.ts)).collect();
    for (step, ts) in list.iter_mut().zip(&times) {
        let mut claims = Vec::with_capacity(step.claims.len());
        for claim in step.claims.drain(..) {
            if claim.host == Some(host) && is_guess(&claim.say) {
                let accepts =
                    |at: &usize| trace.calls[*at].kind() == Some(Call::Accept) && trace.moments[*at] == *ts && !told[*at];
                if let (Say::AcceptCan, Some(at)) = (&claim.say, (0..trace.calls.len()).find(accepts)) {
                    told[at] = true;
                    claims.push(traced(host, &trace.calls[at], None));
                }
                continue;
            }
            let causes = if claim.host == Some(host) { causes(&claim.say, *ts, trace, &spans, &told) } else { Vec::new() };
            if causes.is_empty() {
                claims.push(claim);
            }
            for at in causes {
                told[at] = true;
                let call = &trace.calls[at];
                claims.push(traced(host, call, Some((*ts - call.ts).max(Span::ZERO))));
            }
        }
        step.claims = claims;
    }
    story.before.retain(|claim| claim.host != Some(host));
    // What no packet belongs to lies between two of them, or before the first.
    let mut order: Vec<usize> = (0..trace.calls.len()).filter(|at| !told[*at]).collect();
    order.sort_by_key(|at| trace.moments[*at]);
    for at in order {
        let claim = traced(host, &trace.calls[at], None);
        match times.partition_point(|ts| *ts <= trace.moments[at] + ROUNDING).checked_sub(1) {
            Some(step) => list[step].claims.push(claim),
            None => story.before.push(claim),
        }
    }
    story.traced = Some(host);
}

/// The calls that a claim is of.
fn causes(say: &Say, ts: Timestamp, trace: &Trace, spans: &[(Range<u64>, usize)], told: &[bool]) -> Vec<usize> {
    let last = |is: &dyn Fn(&TracedCall) -> bool| {
        let made = |at: &usize| !told[*at] && trace.calls[*at].ts <= ts + ROUNDING && is(&trace.calls[*at]);
        (0..trace.calls.len()).rev().find(made).into_iter().collect()
    };
    match say {
        Say::ConnectWaits => last(&|call| call.kind() == Some(Call::Connect)),
        Say::Sends { first, next, .. } | Say::SendsUrgent { first, next, .. } if trace.sends_fit => {
            // The SYN has the number 0.
            let place = |line: &Line| u64::try_from(line - 1).unwrap_or(0);
            let (from, to) = (place(first), place(next));
            let begin = spans.partition_point(|(range, _)| range.end <= from);
            spans[begin..].iter().take_while(|(range, _)| range.start < to).map(|(_, at)| *at).collect()
        }
        Say::SendsDatagram { len, .. } if trace.sends_fit => {
            let is = |call: &TracedCall| {
                call.kind() == Some(Call::Send) && call.returned == i64::from(*len) && call.ts <= ts + ROUNDING
            };
            (0..trace.calls.len()).find(|at| !told[*at] && is(&trace.calls[*at])).into_iter().collect()
        }
        Say::Finishes { .. } | Say::Breaks { .. } | Say::AbandonsOpening => {
            last(&|call| matches!(call.kind(), Some(Call::Shutdown | Call::Close)) && call.returned == 0)
        }
        _ => Vec::new(),
    }
}

/// Said where it is not known what the program does.
const fn is_guess(say: &Say) -> bool {
    matches!(
        say,
        Say::RecvCan { .. } | Say::RecvEnd | Say::AcceptCan | Say::ConnectReturns | Say::Thinks { .. } | Say::CloseUnseen
    )
}

/// Which bytes of the stream each call sent.
fn sent_ranges(trace: &Trace) -> Vec<(Range<u64>, usize)> {
    let mut at = 0;
    let sends = trace.calls.iter().enumerate().filter(|(_, call)| call.kind() == Some(Call::Send) && call.returned > 0);
    sends
        .map(|(i, call)| {
            let range = at..u64::saturating_add(at, call.returned.unsigned_abs());
            at = range.end;
            (range, i)
        })
        .collect()
}

fn traced(host: Host, call: &TracedCall, before: Option<Span>) -> Claim {
    let say = Say::Traced { name: call.name.clone(), returned: call.returned, error: call.error.clone(), before };
    let calls = call.kind().map(|kind| Called { host, call: kind, tied: before.is_some() }).into_iter().collect();
    Claim { mark: Mark::Seen, host: Some(host), say, calls, evidence: Vec::new() }
}
