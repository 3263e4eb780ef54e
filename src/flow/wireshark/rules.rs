//! The tests that give a packet its labels, in Wireshark's order. Letters as in the comments of each: several may stand
//! together, and later ones see what earlier ones changed.

use super::conversation::{Conversation, Repeats, Scale, Seen, Side};
use super::labels::Labels;
use crate::decode::TcpFlags;
use crate::flow::key::End;

const SYN_FIN: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0);
const SYN_FIN_RST: TcpFlags = TcpFlags(SYN_FIN.0 | TcpFlags::RST.0);

/// A fast retransmission follows the last duplicate ACK within this time, nanoseconds.
const FAST: i64 = 20_000_000;
/// What passes for a round trip where none is known, nanoseconds.
const ROUND_TRIP: i64 = 3_000_000;

/// Is `a` after `b`, modulo 2^32? Of two numbers half the range apart each is after, and before, the other.
pub(super) const fn after(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) < 0
}

/// The sequence number after a packet's last. SYN and FIN together take one number, not two.
pub(super) const fn end(seen: &Seen<'_>, len: u32) -> u32 {
    seen.seq.wrapping_add(len).wrapping_add(seen.has(SYN_FIN) as u32)
}

/// A span less than another; one that runs backwards never is.
const fn less(span: i64, than: i64) -> bool {
    (span as u64) < (than as u64)
}

/// Gives a packet its labels. Of the conversation only the counts of repeated ACKs and what is known to have been seen change.
pub(super) fn apply(conversation: &mut Conversation, seen: &Seen<'_>, len: u32) -> Labels {
    let (initial_rtt, multipath) = (conversation.initial_rtt, conversation.multipath);
    let (own, peer) = match (seen.from, &mut conversation.sides) {
        (End::Low, [low, high]) => (low, high),
        (End::High, [low, high]) => (high, low),
    };
    let mut labels = of_acknowledgments(own, peer, seen, len, multipath);
    // (i)
    if seen.ack != own.ack {
        own.repeats = Repeats(0);
    }
    labels = labels.and(of_unseen(peer, seen));
    if (len > 0 || seen.has(SYN_FIN)) && !labels.has(Labels::KEEP_ALIVE) {
        labels = labels.and(of_repeats(own, peer, seen, len, if initial_rtt == 0 { ROUND_TRIP } else { initial_rtt }));
    }
    labels
}

/// (a) to (h): what the packet is to the peer's window and to the packet before it.
fn of_acknowledgments(own: &mut Side, peer: &Side, seen: &Seen<'_>, len: u32, multipath: u8) -> Labels {
    let mut labels = Labels(0);
    let bare = !seen.has(SYN_FIN_RST);
    // (a)
    if len == 1 && seen.seq == own.next && peer.window == 0 {
        return Labels::ZERO_WINDOW_PROBE;
    }
    // (b)
    if seen.window == 0 && bare {
        labels = labels.and(Labels::ZERO_WINDOW);
    }
    // (c)
    if own.next != 0 && after(seen.seq, own.next) && !seen.has(TcpFlags::RST) {
        labels = labels.and(Labels::LOST_SEGMENT);
    }
    // (d)
    if len <= 1 && seen.seq == own.next.wrapping_sub(1) && bare {
        labels = labels.and(Labels::KEEP_ALIVE);
    }
    let again = len == 0 && seen.seq == own.next && seen.ack == own.ack && bare;
    // (e)
    if again && seen.window != 0 && seen.window != own.window {
        labels = labels.and(Labels::WINDOW_UPDATE);
    }
    // (f)
    if len > 0 && bare && fills_window(peer, seen, len) {
        labels = labels.and(Labels::WINDOW_FULL);
    }
    // (g), (h)
    if !again || seen.window != own.window {
        return labels;
    }
    if seen.window == 0 {
        return if peer.labels.has(Labels::ZERO_WINDOW_PROBE) { labels.and(Labels::ZERO_WINDOW_PROBE_ACK) } else { labels };
    }
    if peer.labels.has(Labels::KEEP_ALIVE) {
        return labels.and(Labels::KEEP_ALIVE_ACK);
    }
    // RFC 8684 section 4 allows MPTCP to repeat ACKs.
    if multipath == own.multipath {
        own.repeats.count();
        labels = labels.and(Labels::DUPLICATE_ACK);
    }
    labels
}

/// Does the packet end exactly where the peer's window does?
fn fills_window(peer: &Side, seen: &Seen<'_>, len: u32) -> bool {
    let shift = match peer.scale {
        Scale::Unknown => return false,
        Scale::Shift(shift) if !peer.first_ack => shift.min(14),
        Scale::None | Scale::Shift(_) => 0,
    };
    seen.seq.wrapping_add(len) == peer.ack.wrapping_add(peer.window << shift)
}

/// (j): does the packet acknowledge what was not seen?
fn of_unseen(peer: &mut Side, seen: &Seen<'_>) -> Labels {
    if !seen.has(TcpFlags::ACK) || peer.reach == 0 || !after(seen.ack, peer.reach) {
        return Labels(0);
    }
    if after(peer.next, peer.reach) {
        peer.reach = peer.next;
        return Labels::ACK_LOST_SEGMENT;
    }
    let told = peer.repeats == Repeats(0);
    peer.repeats = Repeats::AFTER_ACK_LOST;
    if told { Labels::ACK_LOST_SEGMENT } else { Labels(0) }
}

/// (k): the first that fits of spurious, fast, out of order, retransmission.
fn of_repeats(own: &Side, peer: &Side, seen: &Seen<'_>, len: u32, round_trip: i64) -> Labels {
    if len > 0 && peer.ack != 0 && (seen.seq.wrapping_add(len) == peer.ack || after(peer.ack, seen.seq.wrapping_add(len))) {
        return Labels::SPURIOUS_RETRANSMISSION.and(Labels::RETRANSMISSION);
    }
    let one_back = len > 1 && seen.seq == own.next.wrapping_sub(1);
    if own.next == 0 || !after(own.next, seen.seq) || one_back {
        return Labels(0);
    }
    if peer.repeats.0 >= 2 && seen.seq == peer.ack && less(seen.now.saturating_sub(peer.ack_time), FAST) {
        return Labels::FAST_RETRANSMISSION.and(Labels::RETRANSMISSION);
    }
    if less(seen.now.saturating_sub(own.next_time), round_trip) && own.next != end(seen, len) {
        return Labels::OUT_OF_ORDER;
    }
    Labels::RETRANSMISSION
}
