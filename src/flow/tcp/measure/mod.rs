//! What tcptrace 6.6.7 counts and measures of a connection, by its rules: they look at every packet, ask no state machine and
//! doubt nothing. What they say is what passed this capture point, not what became of it (that is `loss/`).
//!
//! `window.rs` knows the windows and whether a packet probes a shut one; `sequence.rs` which bytes have passed and which of
//! them were acknowledged; `samples.rs` sums up round trips; `echo.rs` measures them by the timestamp option;
//! `selective.rs` reads SACK blocks. The counters that the connection itself needs stand in `endpoint.rs`.

mod echo;
mod samples;
mod selective;
mod sequence;
#[cfg(test)]
mod tests;
mod window;

use self::echo::Echo;
use self::samples::Samples;
use self::selective::reports_duplicate;
use self::sequence::{Acked, Sent, Sequence};
use self::window::Window;
use super::list::Short;
use super::segment::Segment;
use crate::decode::TcpFlags;
use crate::flow::key::End;
use crate::flow::record::MeasuredRecord;
use crate::flow::room::Room;
use crate::model::Timestamp;

/// A connection as tcptrace sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    sides: [Side; 2],
}

/// What one side sent, and how long its peer took to acknowledge it.
#[derive(Clone, Debug, Default)]
struct Side {
    sequence: Sequence,
    window: Window,
    echo: Echo,
    rtt: Samples,
    unique_bytes: u64,
    /// Made when the first of it is counted.
    rare: Option<Box<Rare>>,
    syns: bool,
    fins: bool,
}

/// What most sides have nothing of.
#[derive(Clone, Debug, Default)]
struct Rare {
    rtt_ambiguous: u64,
    rtt_discarded: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    out_of_order_packets: u64,
    sack_packets: u64,
    dsack_packets: u64,
    zero_window_probes: u64,
}

impl Measure {
    #[inline]
    pub(super) fn on_segment(&mut self, from: End, segment: &Segment<'_>, ts: Timestamp, room: &mut Room) {
        // Times are cut to microseconds: what lies within one is at the same time.
        let now = ts.nanos().div_euclid(1000);
        let [low, high] = &mut self.sides;
        let (me, peer) = if from == End::Low { (low, high) } else { (high, low) };
        me.count_selective(segment);
        Window::scale(&mut me.window, &mut peer.window, segment, segment.options.scale);
        me.window.on_segment(segment, peer.window.offered_scale());
        if segment.len > 0 || segment.has(TcpFlags::SYN | TcpFlags::FIN) {
            let probe = !segment.has(TcpFlags::SYN) && peer.window.is_shut();
            me.send(segment, probe, now, room);
        }
        if segment.has(TcpFlags::ACK) {
            peer.acknowledge(segment, now, room);
        }
        if let Some((value, echo)) = segment.options.times
            && !segment.has(TcpFlags::RST)
        {
            if segment.has(TcpFlags::ACK) {
                peer.echo.came_back(echo, ts);
            }
            me.echo.sent(value, segment, ts, room);
        }
    }

    pub(super) fn record(&self, end: End) -> MeasuredRecord {
        let side = &self.sides[end.index()];
        let none = Rare::default();
        let rare = side.rare.as_deref().unwrap_or(&none);
        let (min_window, max_window) = side.window.extremes();
        MeasuredRecord {
            retransmitted_packets: rare.retransmitted_packets,
            retransmitted_bytes: rare.retransmitted_bytes,
            unique_bytes: side.unique_bytes,
            out_of_order_packets: rare.out_of_order_packets,
            sack_packets: rare.sack_packets,
            dsack_packets: rare.dsack_packets,
            zero_window_probes: rare.zero_window_probes,
            max_window,
            min_window,
            rtt: side.rtt.record(),
            rtt_ambiguous: rare.rtt_ambiguous,
            rtt_discarded: rare.rtt_discarded,
            timestamp_rtt: side.echo.record(),
            at_least: side.sequence.forgot(),
        }
    }

    /// The connection is silent: memory that nothing is in is given back.
    pub(super) fn rest(&mut self, room: &mut Room) {
        for side in &mut self.sides {
            side.sequence.rest(room);
            side.echo.rest(room);
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        for side in &mut self.sides {
            side.sequence.release(room);
            side.echo.release(room);
        }
    }
}

impl Side {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Counts SACK blocks. Those of a reset count nowhere.
    fn count_selective(&mut self, segment: &Segment<'_>) {
        if segment.options.sack.is_some() && segment.has(TcpFlags::ACK) && !segment.has(TcpFlags::RST) {
            let rare = self.rare();
            rare.sack_packets += 1;
            rare.dsack_packets += u64::from(reports_duplicate(segment));
        }
    }

    /// Takes what occupies the sequence space: data, SYN and FIN, also of a reset.
    #[inline]
    fn send(&mut self, segment: &Segment<'_>, probe: bool, now: i64, room: &mut Room) {
        let (syn, fin) = (segment.has(TcpFlags::SYN), segment.has(TcpFlags::FIN));
        let (syn_again, fin_again) = (syn && self.syns, fin && self.fins);
        self.syns |= syn;
        self.fins |= fin;
        if probe {
            self.rare().zero_window_probes += 1;
            return;
        }
        let length = segment.len.saturating_add(u32::from(syn) + u32::from(fin));
        let sent = self.sequence.send(segment.seq.0, length, now, room);
        // The octets of a SYN and FIN that were sent before are no data that was.
        let again = i64::from(sent.again) - i64::from(syn_again) - i64::from(fin_again);
        self.unique_bytes += u64::try_from(i64::from(segment.len) - again).unwrap_or(0);
        if sent != Sent::default() {
            let rare = self.rare();
            rare.out_of_order_packets += u64::from(sent.out_of_order);
            rare.retransmitted_packets += u64::from(sent.again > 0);
            rare.retransmitted_bytes += u64::from(sent.again);
        }
    }

    /// The peer acknowledges.
    #[inline]
    fn acknowledge(&mut self, segment: &Segment<'_>, now: i64, room: &mut Room) {
        match self.sequence.acknowledge(segment.ack.0, room) {
            Acked::Nothing => {}
            // A clock that ran backwards has measured nothing.
            Acked::Once(sent) => self.rtt.add((now - sent).max(0) * 1000),
            Acked::Ambiguous => self.rare().rtt_ambiguous += 1,
            Acked::Overtaken => self.rare().rtt_discarded += 1,
        }
    }
}
