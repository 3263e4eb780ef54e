//! The habits of one sender, as far as its packets show them: does it count packets in the IP identification, how fast does
//! its timestamp clock run, does it use classic ECN, when did it pause, which flow labels has it used.

use super::ids::Ids;
use super::passed::{NO_LABEL, Passed};
use super::when::When;
use crate::decode::TcpFlags;
use crate::model::{Span, Timestamp};

/// Linux waits at least 200 ms for an acknowledgment beyond the round trip; a little less, as packets jitter.
pub(super) const TIMEOUT: Span = Span::from_millis(190);
/// A larger step of the IP identification is no counting.
const LARGEST_STEP: u16 = 1024;
/// IP identifications further apart than this by what the counter's pace says may have wrapped between two packets.
const MOST_APART: u64 = 16_000;
/// Flow labels remembered beside the newest.
const LABELS: usize = 2;
/// Segments with ECT after which a sender counts as using it.
const ECT_SEGMENTS: u8 = 5;
/// Rates of timestamp clocks that exist, Hz (RFC 7323 section 5.4 allows 1 to 1000; some count microseconds).
const RATES: [f64; 6] = [10.0, 100.0, 250.0, 1000.0, 1e4, 1e6];
/// The clock must have gone on by so much before its rate is told.
const TICKS: i32 = 4;

/// Where the rate is not known: what a clock of microseconds allows, a little less than 2^31 of them.
pub(super) const UNKNOWN_WRAP: Span = Span::from_secs(30 * 60);
/// After so long its rate is told once and for all.
const TOLD: Span = Span::from_secs(1);

/// What is known of a sender. Laid out by hand: what each packet changes stands first.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Sender {
    /// Packets it has sent, as far as seen; merged ones count each of their parts.
    sent: u32,
    /// Steps of the IP identification that look like counting, and their sum.
    steps: u32,
    step_sum: u32,
    /// Those of them from one packet to the very next.
    ones: u32,
    /// Other steps that are not 0.
    jumps: u32,
    /// The highest TSval and when it first passed.
    last_tsval: u32,
    last_tick: Timestamp,
    last: When,
    ids: Ids,
    /// It paused, and sent again from this number and time on.
    resumed: (u64, Timestamp),
    /// Its newest flow label, and the packet with which that first appeared.
    label: (u32, u32),
    /// Length of a tick, once enough of them have passed; 0 before.
    tick_told: Span,
    /// IP identifications missing before the last packet.
    skipped: u16,
    ect_segments: u8,
    /// It sent an ACK without data as ECT, as RFC 3168 (6.1.4) forbids: not classic ECN.
    ect_acks: bool,
    /// Classic ECN was agreed on in the handshake.
    pub(super) ecn_agreed: bool,
    has_times: bool,
    /// It came back with more than one segment: it had nothing to say, no timer had run out.
    idled: bool,
    first_tsval: u32,
    first_tick: Timestamp,
    /// Until then it is catching up.
    catching_up: Timestamp,
    /// The flow labels before.
    labels: Option<Box<[(u32, u32); LABELS]>>,
    /// If it counts its packets: what it sent before its pauses and was not seen lies below this, by how many are missing.
    unseen_below: u64,
}

/// What is kept of a sender that rests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    last: When,
    steps: u32,
    step_sum: u32,
    ones: u32,
    jumps: u32,
    tsval: u32,
    /// Microseconds, 0 if it is not known.
    tick: u32,
    id: u16,
    id_parts: u16,
    skipped: u16,
    ect_segments: u8,
    ect_acks: bool,
    ecn_agreed: bool,
    has_times: bool,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            sent: 0,
            steps: 0,
            step_sum: 0,
            ones: 0,
            jumps: 0,
            ids: Ids::default(),
            ect_segments: 0,
            ect_acks: false,
            ecn_agreed: false,
            has_times: false,
            first_tsval: 0,
            first_tick: Timestamp::default(),
            last_tsval: 0,
            last_tick: Timestamp::default(),
            tick_told: Span::ZERO,
            label: (NO_LABEL, 0),
            labels: None,
            last: When::NEVER,
            resumed: (0, Timestamp::default()),
            catching_up: Timestamp::from_nanos(i64::MIN),
            idled: false,
            skipped: 0,
            unseen_below: 0,
        }
    }
}

impl Sender {
    /// In short.
    pub(super) fn habits(&self) -> Habits {
        let (id, id_parts) = self.ids.newest();
        let tick = self.tick_length().map_or(0, |tick| tick.nanos() / 1000);
        Habits {
            last: self.last,
            steps: self.steps,
            step_sum: self.step_sum,
            ones: self.ones,
            jumps: self.jumps,
            tsval: self.last_tsval,
            tick: u32::try_from(tick).unwrap_or(0),
            id,
            id_parts,
            skipped: self.skipped,
            ect_segments: self.ect_segments,
            ect_acks: self.ect_acks,
            ecn_agreed: self.ecn_agreed,
            has_times: self.has_times,
        }
    }

    /// A sender of these habits.
    pub(super) fn with(habits: &Habits) -> Self {
        let mut sender = Self {
            last: habits.last,
            steps: habits.steps,
            step_sum: habits.step_sum,
            ones: habits.ones,
            jumps: habits.jumps,
            skipped: habits.skipped,
            ect_segments: habits.ect_segments,
            ect_acks: habits.ect_acks,
            ecn_agreed: habits.ecn_agreed,
            has_times: habits.has_times,
            tick_told: Span::from_nanos(i64::from(habits.tick) * 1000),
            ..Self::default()
        };
        if habits.id != 0 {
            sender.ids.push(habits.id, habits.id_parts);
        }
        let tick = habits.last.get().unwrap_or_default();
        (sender.first_tick, sender.last_tick) = (tick, tick);
        (sender.first_tsval, sender.last_tsval) = (habits.tsval, habits.tsval);
        sender
    }

    /// Takes a packet, and tells it which one of its sender's it is. `round_trip`: the shortest, if it is known.
    #[inline]
    pub(super) fn sends(&mut self, passed: &mut Passed, round_trip: Option<Span>, mss: u32) {
        passed.nth = self.sent;
        self.sent = self.sent.wrapping_add(u32::from(passed.parts));
        self.count_id(passed);
        self.tick(passed);
        self.label(passed);
        if passed.data() > 0 {
            self.ect_segments = self.ect_segments.saturating_add(u8::from(passed.is_ect()));
        } else if passed.len == 0 && passed.is_ect() {
            self.ect_acks = true;
        }
        self.pause(passed, round_trip.unwrap_or(Span::ZERO), mss);
        self.last = self.last.max(When::at(passed.ts));
    }

    /// It opens a new connection: where it had paused in the old one is of no use.
    pub(super) fn start_again(&mut self) {
        (self.resumed, self.unseen_below) = (Self::default().resumed, 0);
        (self.idled, self.catching_up) = (false, Self::default().catching_up);
    }

    /// When its last packet passed.
    pub(super) const fn last(&self) -> When {
        self.last
    }

    /// How long it had been silent when this passed.
    #[inline]
    pub(super) fn silence(&self, now: Timestamp) -> Option<Span> {
        self.last.since(now)
    }

    /// Has it paused for so long that a retransmission timer may have run out?
    #[inline]
    fn pause(&mut self, passed: &Passed, round_trip: Span, mss: u32) {
        if passed.len == 0 {
            return;
        }
        let silent = self.silence(passed.ts).is_some_and(|silence| silence >= round_trip + TIMEOUT);
        if silent {
            if self.skipped > 0 {
                self.unseen_below = self.unseen_below.max(passed.start + u64::from(self.skipped) * u64::from(mss));
            }
            self.resumed = (passed.start, passed.ts);
            self.catching_up = passed.ts + Span::from_nanos(round_trip.nanos().saturating_mul(10)) + Span::from_millis(50);
            self.idled = false;
        } else if !self.idled && passed.start != self.resumed.0 && (passed.ts - self.resumed.1).nanos() < round_trip.nanos() / 2 {
            // RFC 5681 (3.1): after a timeout the congestion window is one segment.
            self.idled = true;
        }
    }

    /// Is it catching up after a pause in which a retransmission timer may have run out?
    pub(super) fn stalled(&self, now: Timestamp) -> bool {
        now <= self.catching_up
    }

    /// Is it certain that this was not sent before its last pause already? By how it came back, or because it counts its packets
    /// and too few are missing.
    pub(super) const fn has_not_sent(&self, start: u64) -> bool {
        self.idled || (start >= self.unseen_below && self.counts_by_one())
    }

    #[inline]
    fn count_id(&mut self, passed: &Passed) {
        // Linux numbers SYN-ACKs, resets and answers in TIME-WAIT 0 while the same socket counts.
        if passed.id == 0 {
            return;
        }
        let (last, parts) = self.ids.newest();
        if last != 0 {
            let step = passed.id.wrapping_sub(last);
            self.skipped = if step <= LARGEST_STEP { step.saturating_sub(parts) } else { 0 };
            if (1..=LARGEST_STEP).contains(&step) {
                self.steps += 1;
                // A merged packet has used up one for each of its parts.
                let step = step.saturating_sub(parts - 1).max(1);
                self.step_sum = self.step_sum.saturating_add(u32::from(step));
                self.ones += u32::from(step == 1);
            } else if step != 0 && step.wrapping_neg() > LARGEST_STEP {
                // A short step back is a packet that was overtaken.
                self.jumps += 1;
            }
            if self.steps | self.jumps >= 1 << 20 {
                (self.steps, self.step_sum, self.jumps) = (self.steps / 2, self.step_sum / 2, self.jumps / 2);
                self.ones /= 2;
            }
        }
        self.ids.push(passed.id, passed.parts);
    }

    /// Does it count its packets in the IP identification?
    pub(super) const fn counts_ids(&self) -> bool {
        self.steps >= 2 && self.steps >= self.jumps.saturating_mul(8)
    }

    /// Does it count every packet of this connection, and no others? Then most steps are one; longer ones are losses.
    pub(super) const fn counts_by_one(&self) -> bool {
        self.counts_ids() && self.ones as u64 * 2 >= self.steps as u64
    }

    /// Can the identifications of these two packets be compared, or may the counter have wrapped between them?
    pub(super) const fn ids_compare(&self, a: &Passed, b: &Passed) -> bool {
        if a.id == 0 || b.id == 0 || !self.counts_ids() {
            return false;
        }
        let between = a.nth.abs_diff(b.nth) as u64;
        between * self.step_sum as u64 / (self.steps as u64) < MOST_APART
    }

    /// From this identification on: the last one before one is missing.
    pub(super) fn unbroken_from(&self, id: u16) -> u16 {
        self.ids.unbroken_from(id)
    }

    #[inline]
    fn tick(&mut self, passed: &Passed) {
        if !passed.has_times {
            return;
        }
        if !self.has_times {
            self.has_times = true;
            self.begin_ticks(passed);
        } else if self.may_have_wrapped(passed.ts - self.last_tick) {
            // Nobody knows how often it wrapped.
            self.begin_ticks(passed);
        } else if (passed.tsval.wrapping_sub(self.last_tsval) as i32) > 0 {
            (self.last_tsval, self.last_tick) = (passed.tsval, passed.ts);
            // The clock of a sender does not change its rate, and later the difference wraps.
            if self.tick_told == Span::ZERO && self.last_tick - self.first_tick >= TOLD {
                self.tick_told = self.tick_so_far().unwrap_or(Span::ZERO);
            }
        }
    }

    fn begin_ticks(&mut self, passed: &Passed) {
        (self.first_tsval, self.first_tick) = (passed.tsval, passed.ts);
        (self.last_tsval, self.last_tick) = (passed.tsval, passed.ts);
    }

    /// Two of its timestamps that passed further apart than this cannot be compared: half of their circle (RFC 7323 section 5.5).
    pub(super) fn times_wrap(&self) -> Span {
        self.tick_length().map_or(UNKNOWN_WRAP, |tick| Span::from_nanos(tick.nanos().saturating_mul(1 << 31)))
    }

    /// Is a silence as long as that? No clock is faster than the one of [`UNKNOWN_WRAP`]: only then the rate is worked out.
    fn may_have_wrapped(&self, silence: Span) -> bool {
        silence >= UNKNOWN_WRAP && silence >= self.times_wrap()
    }

    /// The highest TSval it has sent.
    #[inline]
    pub(super) const fn highest_tsval(&self) -> Option<u32> {
        if self.has_times { Some(self.last_tsval) } else { None }
    }

    /// Length of a tick of its timestamp clock, by how fast that went.
    pub(super) fn tick_length(&self) -> Option<Span> {
        if self.tick_told == Span::ZERO { self.tick_so_far() } else { Some(self.tick_told) }
    }

    fn tick_so_far(&self) -> Option<Span> {
        let ticks = self.last_tsval.wrapping_sub(self.first_tsval) as i32;
        let time = (self.last_tick - self.first_tick).nanos();
        if ticks < TICKS || time <= 0 {
            return None;
        }
        let rate = f64::from(ticks) * 1e9 / time as f64;
        let distance = |known: &f64| (rate / known).ln().abs();
        let nearest = RATES.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some(Span::from_nanos((1e9 / nearest) as i64))
    }

    #[inline]
    fn label(&mut self, passed: &Passed) {
        if passed.label != self.label.0 && passed.label != NO_LABEL {
            self.another_label(passed);
        }
    }

    #[cold]
    fn another_label(&mut self, passed: &Passed) {
        if self.labels().any(|(label, _)| label == passed.label) {
            return;
        }
        let before = std::mem::replace(&mut self.label, (passed.label, passed.nth));
        if before.0 != NO_LABEL {
            let labels = self.labels.get_or_insert_with(|| Box::new([(NO_LABEL, 0); LABELS]));
            labels.rotate_right(1);
            labels[0] = before;
        }
    }

    fn labels(&self) -> impl Iterator<Item = (u32, u32)> {
        let before = self.labels.as_ref().map_or(&[][..], |labels| &labels[..]);
        std::iter::once(self.label).chain(before.iter().copied())
    }

    /// Did this packet's flow label first appear after that packet?
    pub(super) fn label_is_newer(&self, passed: &Passed, than: &Passed) -> bool {
        passed.label != NO_LABEL
            && than.label != NO_LABEL
            && passed.label != than.label
            && self.labels().any(|(label, nth)| label == passed.label && (nth.wrapping_sub(than.nth) as i32) > 0)
    }

    /// Does it use classic ECN (RFC 3168): originals ECT, what is sent again and pure ACKs not? DCTCP, L4S and Accurate ECN
    /// mark everything.
    pub(super) const fn uses_classic_ecn(&self) -> bool {
        self.ecn_agreed && self.ect_segments >= ECT_SEGMENTS && !self.ect_acks
    }

    /// Is this SYN's offer of ECN, with this answer, one of classic ECN (RFC 3168 section 6.1.1)?
    pub(super) const fn offers_classic_ecn(syn: TcpFlags) -> bool {
        syn.contains(TcpFlags(TcpFlags::ECE.0 | TcpFlags::CWR.0)) && !syn.contains(TcpFlags::AE)
    }

    pub(super) const fn accepts_classic_ecn(syn_ack: TcpFlags) -> bool {
        syn_ack.contains(TcpFlags::ECE) && !syn_ack.intersects(TcpFlags(TcpFlags::CWR.0 | TcpFlags::AE.0))
    }
}
