//! Was one segment sent after another of the same sender? By what its packets carry, never by their age.

use super::passed::Passed;
use super::sender::{Sender, UNKNOWN_WRAP};
use crate::decode::TcpFlags;
use crate::flow::verdict::Evidence;
use crate::model::Span;

/// When one was sent, compared with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Before,
    /// They are one and the same packet.
    Same,
    After,
}

/// Was `s` sent after `p`? The first sign that decides. `None`: nothing does.
pub(super) fn order(s: &Passed, p: &Passed, sender: &Sender, mss: u32) -> Option<(Order, Evidence)> {
    by_timestamp(s, p, sender)
        .or_else(|| by_id(s, p, sender, mss))
        .or_else(|| by_echo(s, p))
        .or_else(|| by_ack(s, p))
        .or_else(|| sender.label_is_newer(s, p).then_some((Order::After, Evidence::FLOW_LABEL)))
}

fn by_sign(difference: i32) -> Option<Order> {
    match difference.signum() {
        1 => Some(Order::After),
        -1 => Some(Order::Before),
        _ => None,
    }
}

fn times_compare(s: &Passed, p: &Passed, wrap: Span) -> bool {
    let apart = (s.ts - p.ts).nanos().unsigned_abs();
    s.has_times && p.has_times && apart < wrap.nanos().unsigned_abs()
}

/// TSval goes first: it does not wrap in practice.
fn by_timestamp(s: &Passed, p: &Passed, sender: &Sender) -> Option<(Order, Evidence)> {
    if !times_compare(s, p, sender.times_wrap()) {
        return None;
    }
    let order = by_sign(s.tsval.wrapping_sub(p.tsval) as i32)?;
    Some((order, if order == Order::After { Evidence::TS_NEWER } else { Evidence::TS_OLDER }))
}

fn by_id(s: &Passed, p: &Passed, sender: &Sender, mss: u32) -> Option<(Order, Evidence)> {
    if !sender.ids_compare(s, p) {
        return None;
    }
    let difference = s.id.wrapping_sub(p.id) as i16;
    if difference == 0 {
        return Some((Order::Same, Evidence::ID_EQUAL));
    }
    if inside(p, s, mss) || inside(s, p, mss) {
        return Some((Order::Same, Evidence::ID_EQUAL));
    }
    // The other parts of a merged packet.
    let within = |whole: u16, parts: u16, part: u16| part.wrapping_sub(whole) < parts;
    if within(p.id, p.parts, s.id) || within(s.id, s.parts, p.id) {
        return None;
    }
    let order = by_sign(i32::from(difference))?;
    Some((order, if order == Order::After { Evidence::ID_NEWER } else { Evidence::ID_OLDER }))
}

/// Is `part` one of the packets that offloading merged into `whole`: the one that its place says?
fn inside(whole: &Passed, part: &Passed, mss: u32) -> bool {
    let step = part.id.wrapping_sub(whole.id);
    step < whole.parts && part.start == whole.start + u64::from(step) * u64::from(mss) && part.end() <= whole.end()
}

/// TSecr only grows at its sender. It is of the peer's clock, of which this sender tells nothing.
fn by_echo(s: &Passed, p: &Passed) -> Option<(Order, Evidence)> {
    if !times_compare(s, p, UNKNOWN_WRAP) || !s.has(TcpFlags::ACK) || !p.has(TcpFlags::ACK) {
        return None;
    }
    by_sign(s.tsecr.wrapping_sub(p.tsecr) as i32).map(|order| (order, Evidence::ECHO))
}

/// So does the acknowledgment number.
fn by_ack(s: &Passed, p: &Passed) -> Option<(Order, Evidence)> {
    if !s.has(TcpFlags::ACK) || !p.has(TcpFlags::ACK) {
        return None;
    }
    by_sign(s.ack.wrapping_sub(p.ack) as i32).map(|order| (order, Evidence::ACK_NUMBER))
}

/// Is the segment one that was sent again? RFC 3168 (6.1.5): only originals of data are ECT.
pub(super) fn by_ecn(s: &Passed, sender: &Sender) -> Option<(Order, Evidence)> {
    if s.data() == 0 || !sender.uses_classic_ecn() {
        return None;
    }
    Some((if s.is_ect() { Order::Before } else { Order::After }, Evidence::ECN))
}

/// The same for an earlier copy `p` of its data: two originals are one packet, seen twice.
pub(super) fn by_ecn_of_copy(s: &Passed, p: &Passed, sender: &Sender) -> Option<(Order, Evidence)> {
    let (order, _) = by_ecn(s, sender)?;
    if p.data() == 0 {
        return None;
    }
    let order = match (order, p.is_ect()) {
        (Order::Before, true) if s.is_identical(p) => Order::Same,
        (Order::Before, false) => Order::Before,
        (Order::After, true) => Order::After,
        _ => return None,
    };
    Some((order, Evidence::ECN))
}
