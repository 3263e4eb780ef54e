//! The peer's stream: what arrived, what is acknowledged and when, how much the program leaves unread.

use super::{Awake, Endpoint, Habits, MS, State, Timer};
use crate::wire::Segment;

/// The stream as it arrives.
#[derive(Debug)]
pub(super) struct Receiving {
    next: u64,
    /// Pieces beyond `next`, the one that changed last first (RFC 2018 section 4).
    pieces: Vec<(u64, u64)>,
    dsack: Option<(u64, u64)>,
    fin_at: Option<u64>,
    /// In order and not read by the program.
    unread: u64,
    stopped: bool,
    buffer: u64,
    scale: u8,
    mss: u64,
    /// Right edge of the window as it was told.
    edge: u64,
    last_ack: u64,
    /// Segments that are acknowledged at once, at the beginning.
    quick: u32,
    last_challenge: i64,
    pub(super) echo: u32,
    pub(super) congested: bool,
}

impl Receiving {
    pub(super) fn new(habits: &Habits) -> Self {
        Self {
            next: 0,
            pieces: Vec::new(),
            dsack: None,
            fin_at: None,
            unread: 0,
            stopped: false,
            buffer: habits.buffer,
            scale: habits.window_scale,
            mss: u64::from(habits.mss),
            edge: 0,
            last_ack: 0,
            quick: 8,
            last_challenge: i64::MIN / 2,
            echo: 0,
            congested: false,
        }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of data that arrived in order.
    pub(super) fn data(&self) -> u64 {
        self.next.saturating_sub(1 + u64::from(self.fin_arrived()))
    }

    pub(super) fn fin_arrived(&self) -> bool {
        self.fin_at.is_some_and(|at| self.next > at)
    }

    /// RFC 7323 section 4.3: the value to be echoed is that of the segment at the edge.
    pub(super) fn take_timestamp(&mut self, segment: &Segment) {
        if let Some((value, _)) = segment.ts
            && segment.start <= self.last_ack
            && (segment.syn || value.wrapping_sub(self.echo) as i32 > 0)
        {
            self.echo = value;
        }
    }

    /// The window goes no further back than it was told, and opens by a segment at least.
    pub(super) fn window_field(&mut self, syn: bool) -> u16 {
        let free = self.buffer.saturating_sub(self.unread);
        if syn {
            let field = free.min(0xffff);
            self.edge = self.edge.max(1 + field);
            return field as u16;
        }
        let told = self.edge.saturating_sub(self.next);
        let window = if free < self.mss { told } else { free.max(told) };
        let field = (window >> self.scale).min(0xffff);
        self.edge = self.edge.max(self.next + (field << self.scale));
        field as u16
    }

    pub(super) fn sack_blocks(&mut self, habits: &Habits) -> Vec<(u64, u64)> {
        if !habits.sack {
            return Vec::new();
        }
        let most = if habits.tick.is_some() { 3 } else { 4 };
        let dsack = self.dsack.take().filter(|_| habits.dsack);
        dsack.into_iter().chain(self.pieces.iter().copied()).take(most).collect()
    }

    pub(super) fn acknowledged(&mut self, acks: bool) {
        if acks {
            self.last_ack = self.next;
        }
    }

    /// Takes a piece of the stream; true where it must be acknowledged at once.
    fn take(&mut self, start: u64, end: u64) -> bool {
        if end <= self.next || self.pieces.iter().any(|piece| piece.0 <= start && end <= piece.1) {
            self.dsack = Some((start, end));
            return true;
        }
        if start > self.next {
            let (mut low, mut high) = (start, end);
            self.pieces.retain(|piece| {
                let touches = piece.0 <= high && low <= piece.1;
                if touches {
                    (low, high) = (low.min(piece.0), high.max(piece.1));
                }
                !touches
            });
            self.pieces.insert(0, (low, high));
            return true;
        }
        let holes = !self.pieces.is_empty();
        self.next = end;
        while let Some(i) = self.pieces.iter().position(|piece| piece.0 <= self.next) {
            self.next = self.next.max(self.pieces.remove(i).1);
        }
        holes
    }
}

impl Endpoint {
    /// The first SYN opens, a repeated one is answered again.
    pub(super) fn answer_syn(&mut self, segment: &Segment, awake: &mut Awake<'_>) {
        self.receiving.take_timestamp(segment);
        self.receiving.next = 1;
        if self.state == State::Closed {
            self.state = State::SynReceived;
            self.sending.window = u64::from(segment.window);
            self.send_next(awake, 0, true, false);
            self.arm(awake);
        } else if awake.now - self.receiving.last_challenge > 500 * MS {
            self.receiving.last_challenge = awake.now;
            self.send_again(awake, 0);
            self.arm(awake);
        }
    }

    /// Takes data and FIN; true where an ACK must go out at once.
    pub(super) fn take_data(&mut self, segment: &Segment, marked: bool, awake: &mut Awake<'_>) -> bool {
        if segment.syn {
            self.receiving.next = 1;
            return true;
        }
        self.receiving.congested = (self.receiving.congested && !segment.cwr) || (marked && self.habits.ecn);
        if segment.is_empty() {
            // RFC 9293 section 3.10.7.4: what lies before the window is answered with an ACK; Linux does so twice a second.
            let outside = segment.start < self.receiving.last_ack;
            let answer = outside && awake.now - self.receiving.last_challenge > 500 * MS;
            if answer {
                self.receiving.last_challenge = awake.now;
            }
            return answer;
        }
        if segment.end() > self.receiving.edge.max(self.receiving.next + 1) && segment.len > 0 {
            return true;
        }
        if segment.fin {
            self.receiving.fin_at = Some(segment.end() - 1);
        }
        let before = self.receiving.data();
        let at_once = self.receiving.take(segment.start, segment.end());
        let new = self.receiving.data() - before;
        self.read(new, awake);
        at_once || segment.fin
    }

    /// The program reads at once, or stops for a while.
    fn read(&mut self, new: u64, awake: &mut Awake<'_>) {
        let data = self.receiving.data();
        if let Some((after, pause)) = self.habits.stops_reading
            && !self.receiving.stopped
            && data >= after
        {
            self.habits.stops_reading = None;
            self.receiving.stopped = true;
            self.alarm(awake, Timer::Reading, Some(awake.now + pause));
        }
        if self.receiving.stopped {
            self.receiving.unread += new;
        }
    }

    pub(super) fn read_again(&mut self, awake: &mut Awake<'_>) {
        self.receiving.stopped = false;
        let was_short = self.receiving.edge.saturating_sub(self.receiving.next) < 2 * self.receiving.mss;
        self.receiving.unread = 0;
        if was_short {
            self.send_ack(awake);
        }
    }

    /// RFC 1122 section 4.2.3.2: every second full segment at least, and within a time (Linux: 40 ms).
    pub(super) fn acknowledge(&mut self, at_once: bool, awake: &mut Awake<'_>) {
        let waiting = self.receiving.next - self.receiving.last_ack;
        // What went out by now carried it.
        let at_once = at_once && awake.out.is_empty();
        if at_once || waiting > self.receiving.mss || waiting > 0 && self.receiving.quick > 0 {
            self.receiving.quick = self.receiving.quick.saturating_sub(1);
            self.send_ack(awake);
        } else if waiting > 0 && self.deadlines[Timer::DelayedAck as usize].is_none() {
            self.alarm(awake, Timer::DelayedAck, Some(awake.now + 40 * MS));
        }
    }
}
