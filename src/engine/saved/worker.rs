//! A thread that follows conversations. It sees every frame go by, for time is told by all of them, and follows those of its own
//! places. Pieces of datagrams are joined in every thread alike: what they are pieces of is only known in the end.

use super::batch::{Batch, Dropped, Progress, Spot, Work};
use super::merge::{Desk, Key, Name, Spent, Told};
use super::peers::{Answers, Finding, Peers, Seen, lock};
use super::place::{Threads, Whose};
use crate::decode::fragment::{FragmentPool, Inserted};
use crate::decode::{Packet, decode};
use crate::engine::pipeline::{joined_meta, meta_of};
use crate::engine::totals::Totals;
use crate::flow::{Common, FlowEvent, FlowId, FlowKind, FlowRecord, FlowSink, Note, PacketMeta, Rank, Tracker, TrackerConfig};
use crate::heap;
use crate::model::{Frame, Timestamp};
use std::iter::Peekable;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// Kinds of flows.
const KINDS: usize = FlowKind::Other as usize + 1;
/// So many packets the tracker is told to expect for each that comes, until they are far enough ahead.
const AT_A_TIME: usize = 2;
/// The bytes of a frame are asked for so many of a thread's frames before it comes: some before the tracker looks at them.
const FETCHED: usize = 2 * Tracker::AHEAD as usize;

/// What all threads know.
pub(super) struct Shared {
    pub(super) threads: Threads,
    pub(super) desk: Arc<Desk>,
    pub(super) progress: Arc<Progress>,
    pub(super) common: Common,
}

/// One of the threads.
pub(super) struct Worker<'s> {
    me: usize,
    shared: &'s Shared,
    tracker: Tracker,
    fragments: FragmentPool,
    totals: Totals,
    answers: Answers,
    finding: Finding,
    seen: Arc<Mutex<Seen>>,
    /// Flows begun here, by kind.
    begun: [u64; KINDS],
    /// Records that were told, to be filled again.
    spares: Spent,
    /// Frames that were looked at.
    looked_at: u64,
    /// The same, of those that the tracker was told to expect.
    expected: u64,
}

/// What a thread leaves behind.
pub(super) struct Left {
    pub(super) tracker: Tracker,
    pub(super) fragments: FragmentPool,
    pub(super) totals: Totals,
}

impl<'s> Worker<'s> {
    pub(super) fn new(me: usize, shared: &'s Shared, config: TrackerConfig, fragments: FragmentPool, answers: Answers) -> Self {
        let (finding, seen) = (Finding::default(), Arc::new(Mutex::new(Seen::new(me))));
        let peers = Peers {
            me,
            finding: Arc::clone(&finding),
            seen: Arc::clone(&seen),
            progress: Arc::clone(&shared.progress),
            desk: Arc::clone(&shared.desk),
        };
        let tracker = Tracker::part(config, &shared.common, Box::new(peers));
        Self {
            me,
            shared,
            tracker,
            fragments,
            totals: Totals::default(),
            answers,
            finding,
            seen,
            begun: [0; KINDS],
            spares: Vec::new(),
            looked_at: 0,
            expected: 0,
        }
    }

    /// Follows what comes, to the end.
    pub(super) fn run(mut self, work: &Receiver<Work>) -> Left {
        let _leave = Leave { me: self.me, shared: self.shared };
        let mut coming = None;
        while let Some(work_now) = coming.take().or_else(|| work.recv().ok())
            && !self.shared.desk.has_quit()
        {
            // What comes after it, if that is there, is looked at ahead.
            coming = work.try_recv().ok();
            match work_now {
                Work::Batch(batch) => {
                    let next = if let Some(Work::Batch(next)) = &coming { Some(&**next) } else { None };
                    self.follow_all(&batch, next);
                }
                Work::End(dropped) => self.end(&dropped),
            }
        }
        Left { tracker: self.tracker, fragments: self.fragments, totals: self.totals }
    }

    fn follow_all(&mut self, batch: &Arc<Batch>, coming: Option<&Batch>) {
        lock(&self.seen).begin(batch, self.shared.progress.slowest_beside(self.me));
        // Where times rise, they need not be told one by one: not before something is due.
        let rises = batch.rises && batch.len() > 0 && self.goes_on_to(batch.time(0));
        let mut drops = batch.drops.iter().peekable();
        let mut passed = 0;
        for (nth, spot) in batch.of(self.me).iter().enumerate() {
            self.look_ahead(nth, batch, coming);
            let at = spot.at as usize;
            let (frame, thread) = batch.frame(at);
            if passed < at && !(rises && self.goes_on_to(frame.ts)) {
                self.pass(batch, passed..at, &mut drops);
            }
            self.tell_drops(at, &mut drops);
            passed = at + 1;
            let number = batch.first + at as u64;
            self.shared.progress.set(self.me, number);
            self.looked_at += 1;
            self.tracker.number_expected(self.looked_at);
            self.on_frame(&frame, number, thread);
            let found = self.finding.load(Ordering::Relaxed);
            if found != 0 {
                self.finding.store(0, Ordering::Relaxed);
                batch.found[self.me][at].store(found, Ordering::Relaxed);
            }
        }
        // Of those that are left, the last can stand for all.
        let last = batch.len().saturating_sub(1).max(passed);
        let left = if rises && last < batch.len() && self.goes_on_to(batch.time(last)) { last } else { passed };
        self.pass(batch, left..batch.len(), &mut drops);
        self.tell_drops(usize::MAX, &mut drops);
        self.shared.progress.set(self.me, batch.end());
        self.shared.desk.mark(self.me, Key::source(batch.end()));
    }

    /// Is this time a little later than that of the frame before, and is nothing due by then?
    fn goes_on_to(&self, ts: Timestamp) -> bool {
        self.tracker.goes_on_to(ts) && self.fragments.goes_on_to(ts)
    }

    /// Lets the tracker know of frames that come after the `nth` of this thread in a batch.
    fn look_ahead(&mut self, nth: usize, batch: &Batch, coming: Option<&Batch>) {
        if let Some((batch, spot)) = spot_of(self.me, nth + FETCHED, batch, coming) {
            batch.fetch(spot);
        }
        if !self.tracker.looks_ahead() {
            return;
        }
        self.expected = self.expected.max(self.looked_at);
        for _ in 0..AT_A_TIME {
            let ahead = self.expected - self.looked_at;
            if ahead >= Tracker::AHEAD {
                return;
            }
            let Some((batch, spot)) = spot_of(self.me, nth + ahead as usize, batch, coming) else { return };
            let (frame, _) = batch.frame(spot.at as usize);
            self.expected += 1;
            self.tracker.expect(self.expected, frame.link, frame.bytes);
        }
    }

    /// What the capture dropped up to a frame of the batch.
    fn tell_drops<'b>(&mut self, until: usize, drops: &mut Peekable<impl Iterator<Item = &'b Dropped>>) {
        while let Some(&(_, source, ts, packets)) = drops.next_if(|(before, ..)| *before <= until) {
            self.tracker.on_drops(source, ts, packets);
        }
    }

    /// Frames of other threads': time goes on.
    fn pass<'b>(&mut self, batch: &Batch, frames: Range<usize>, drops: &mut Peekable<impl Iterator<Item = &'b Dropped>>) {
        for at in frames {
            self.tell_drops(at, drops);
            let (ts, number) = (batch.time(at), batch.first + at as u64);
            self.shared.progress.set(self.me, number);
            self.fragments.on_packet_time(ts);
            self.tracker.number_packet(number);
            let own = (&mut self.totals, &mut self.spares, &mut self.begun);
            let mut teller = Teller::new(self.me, self.shared, own, number);
            self.tracker.on_packet_time(ts, &mut teller);
        }
    }

    /// A frame that is this thread's, or may be: `thread`, where that is known.
    fn on_frame(&mut self, frame: &Frame<'_>, number: u64, thread: Option<usize>) {
        let packet = decode(frame);
        // One of them counts it.
        if thread.unwrap_or(0) == self.me {
            self.totals.count_decoded(&packet, number);
        }
        self.tracker.number_packet(number);
        let mut meta = meta_of(frame);
        let Self { me, shared, tracker, fragments, totals, answers, begun, spares, .. } = self;
        let mut teller = Teller::new(*me, shared, (totals, spares, begun), number);
        let mut here = Here { me: *me, shared, tracker, answers, number };
        let note = match fragments.insert(frame, &packet) {
            Inserted::Whole if thread.is_some() => here.tracker.on_packet(&meta, &packet, &mut teller),
            Inserted::Whole => here.follow(&meta, &packet, &mut teller),
            Inserted::Joined(joined) => {
                joined_meta(&mut meta, &joined);
                here.follow(&meta, &joined.packet, &mut teller)
            }
            Inserted::Held | Inserted::Dropped => {
                here.tracker.on_packet_time(frame.ts, &mut teller);
                Note::default()
            }
        };
        if let Some(flow) = note.flow {
            teller.begin(flow, Key::own(number));
        }
    }

    /// No more comes: the flows that are left end. `dropped`: what the counters of the sources say.
    fn end(&mut self, dropped: &[(u16, u64)]) {
        for &(source, packets) in dropped {
            self.tracker.on_drop_counters_at_end(source, packets);
        }
        self.fragments.finish();
        let mut ending = self.tracker.ending();
        while let Some(head) = self.tracker.next_to_end(&ending) {
            let own = (&mut self.totals, &mut self.spares, &mut self.begun);
            let mut teller = Teller::new(self.me, self.shared, own, u64::MAX);
            teller.left = Some(Key::left(head));
            self.tracker.end_next(&mut ending, &mut teller);
        }
    }
}

/// Where the `nth` frame of a thread is, of a batch and the one behind it.
fn spot_of<'b>(me: usize, nth: usize, batch: &'b Batch, coming: Option<&'b Batch>) -> Option<(&'b Batch, Spot)> {
    let of = batch.of(me);
    match of.get(nth) {
        Some(&spot) => Some((batch, spot)),
        None => coming.and_then(|coming| Some((coming, *coming.of(me).get(nth - of.len())?))),
    }
}

/// What it takes to follow a packet.
struct Here<'a> {
    me: usize,
    shared: &'a Shared,
    tracker: &'a mut Tracker,
    answers: &'a mut Answers,
    number: u64,
}

impl Here<'_> {
    /// Gives the tracker a packet, if it is this thread's.
    fn follow(&mut self, meta: &PacketMeta, packet: &Packet<'_>, teller: &mut Teller<'_>) -> Note {
        self.tracker.on_packet_time(meta.ts, teller);
        let mine = match self.shared.threads.whose(packet) {
            // In no conversation: it is the first one's to hear what hosts say of their addresses.
            Whose::Nobody => self.me == 0,
            Whose::One(owner) => owner == self.me,
            Whose::Quoting(quoted, own) if quoted == own => own == self.me,
            Whose::Quoting(quoted, own) if quoted == self.me => {
                let note = self.tracker.on_icmp_error(meta, packet);
                self.answers.tell(own, self.number, note.is_some());
                return note.unwrap_or_default();
            }
            Whose::Quoting(quoted, own) => own == self.me && !self.is_known_to(quoted),
        };
        if mine { self.tracker.on_timed_packet(meta, packet, teller) } else { Note::default() }
    }

    /// Does that thread know the conversation that the packet at hand quotes?
    fn is_known_to(&mut self, thread: usize) -> bool {
        // Whoever is behind may itself be waited for until it is known where this thread is.
        self.shared.desk.mark(self.me, Key::own(self.number));
        let (shared, number) = (self.shared, self.number);
        let passed = || shared.progress.of(thread) > number || shared.desk.has_quit();
        let answer = self.answers.wait(thread, number, passed);
        debug_assert!(answer.is_some() || shared.desk.has_quit(), "no answer at frame {number}");
        answer.unwrap_or(false)
    }
}

/// What a [`Teller`] has of its thread's: totals, records to be filled again, flows begun by kind.
type Own<'a> = (&'a mut Totals, &'a mut Spent, &'a mut [u64; KINDS]);

/// Hands on what the tracker tells.
struct Teller<'a> {
    me: usize,
    desk: &'a Desk,
    totals: &'a mut Totals,
    spares: &'a mut Spent,
    begun: &'a mut [u64; KINDS],
    number: u64,
    silent: Option<Rank>,
    left: Option<Key>,
}

impl<'a> Teller<'a> {
    fn new(me: usize, shared: &'a Shared, own: Own<'a>, number: u64) -> Self {
        let (totals, spares, begun) = own;
        Self { me, desk: &shared.desk, totals, spares, begun, number, silent: None, left: None }
    }

    /// Tells that a flow began, if that is news.
    fn begin(&mut self, flow: FlowId, key: Key) {
        let begun = &mut self.begun[flow.kind as usize];
        if flow.number > *begun {
            *begun = flow.number;
            self.desk.tell(self.me, key, Told::Begun(flow.kind));
        }
    }
}

impl FlowSink for Teller<'_> {
    fn on_flow_event(&mut self, event: FlowEvent<'_>) {
        // Verdicts on packets and outcomes of set-ups are in the record; streams are for one thread.
        let record = match event {
            FlowEvent::Ended(record) => record,
            FlowEvent::Learnt(learnt) => {
                return self.desk.tell(self.me, Key::own(self.number), Told::Learnt(Box::new(Name::of(learnt))));
            }
            FlowEvent::Neighbour(neighbour) => {
                return self.desk.tell(self.me, Key::own(self.number), Told::Neighbour(Box::new(*neighbour)));
            }
            _ => return,
        };
        self.totals.count_flow(record);
        let key = match (self.left, self.silent.take()) {
            (Some(left), _) => left,
            (None, Some(rank)) => Key::silent(self.number, rank),
            (None, None) => Key::own(self.number),
        };
        // Should one end at the packet that began it, that it began is told first.
        self.begin(record.id, key);
        let before = heap::held();
        let copy = record.clone();
        let bytes = usize::try_from(heap::held() - before).unwrap_or(0) + heap::taken(size_of::<FlowRecord>());
        let boxed = match self.spares.pop() {
            Some(mut spare) => {
                *spare = copy;
                spare
            }
            None => Box::new(copy),
        };
        let mut spent = self.desk.end(self.me, key, boxed, bytes);
        spent.truncate(self.desk.spares().saturating_sub(self.spares.len()));
        self.spares.append(&mut spent);
    }

    fn on_silent(&mut self, rank: Rank) {
        self.silent = Some(rank);
    }
}

/// Lets the others go on when a thread ends; where it ends by a panic, all end.
struct Leave<'s> {
    me: usize,
    shared: &'s Shared,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.desk.quit();
        }
        self.shared.progress.set(self.me, u64::MAX);
        self.shared.desk.close(self.me);
    }
}
