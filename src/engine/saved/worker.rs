//! A thread that follows conversations. It sees every frame go by, for time is told by all of them, and follows those of its own
//! places. Pieces of datagrams are joined in every thread alike: what they are pieces of is only known in the end.

use super::batch::{Batch, Progress, Work};
use super::merge::{Desk, Key, Told};
use super::peers::{Answers, Finding, Peers, Seen, lock};
use super::place::{Threads, Whose};
use crate::decode::fragment::{FragmentPool, Inserted};
use crate::decode::{Packet, decode};
use crate::engine::pipeline::{joined_meta, meta_of};
use crate::engine::totals::Totals;
use crate::flow::{Common, FlowEvent, FlowKind, FlowSink, Note, PacketMeta, Rank, Tracker, TrackerConfig};
use crate::heap;
use crate::model::Frame;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// Kinds of flows.
const KINDS: usize = FlowKind::Other as usize + 1;

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
        Self { me, shared, tracker, fragments, totals: Totals::default(), answers, finding, seen, begun: [0; KINDS] }
    }

    /// Follows what comes, to the end.
    pub(super) fn run(mut self, work: &Receiver<Work>) -> Left {
        let _leave = Leave { me: self.me, shared: self.shared };
        while let Ok(work) = work.recv()
            && !self.shared.desk.has_quit()
        {
            match work {
                Work::Batch(batch) => self.follow_all(&batch),
                Work::End(dropped) => self.end(&dropped),
            }
        }
        Left { tracker: self.tracker, fragments: self.fragments, totals: self.totals }
    }

    fn follow_all(&mut self, batch: &Arc<Batch>) {
        lock(&self.seen).begin(batch, self.shared.progress.slowest_beside(self.me));
        let mut drops = batch.drops.iter().peekable();
        for (at, (frame, thread)) in batch.frames().enumerate() {
            while let Some(&(_, source, ts, packets)) = drops.next_if(|(before, ..)| *before <= at) {
                self.tracker.on_drops(source, ts, packets);
            }
            let number = batch.first + at as u64;
            self.shared.progress.set(self.me, number);
            match thread {
                Some(thread) if thread != self.me => self.pass(&frame, number),
                Some(_) => self.on_frame(&frame, number, true),
                None => self.on_frame(&frame, number, self.me == 0),
            }
            let found = self.finding.load(Ordering::Relaxed);
            if found != 0 {
                self.finding.store(0, Ordering::Relaxed);
                batch.found[self.me][at].store(found, Ordering::Relaxed);
            }
        }
        drops.for_each(|&(_, source, ts, packets)| self.tracker.on_drops(source, ts, packets));
        self.shared.progress.set(self.me, batch.end());
        self.shared.desk.mark(self.me, Key::source(batch.end()));
    }

    /// A frame of another thread's: time goes on.
    fn pass(&mut self, frame: &Frame<'_>, number: u64) {
        self.fragments.on_packet_time(frame.ts);
        self.tracker.number_packet(number);
        let mut teller = Teller::new(self.me, self.shared, &mut self.totals, number);
        self.tracker.on_packet_time(frame.ts, &mut teller);
    }

    /// A frame that is this thread's, or may be. `counts`: it is this thread that counts it.
    fn on_frame(&mut self, frame: &Frame<'_>, number: u64, counts: bool) {
        let packet = decode(frame);
        if counts {
            self.totals.count_decoded(&packet, number);
        }
        self.tracker.number_packet(number);
        let mut meta = meta_of(frame);
        let Self { me, shared, tracker, fragments, totals, answers, begun, .. } = self;
        let mut teller = Teller::new(*me, shared, totals, number);
        let mut here = Here { me: *me, shared, tracker, answers, number };
        let note = match fragments.insert(frame, &packet) {
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
        if let Some(flow) = note.flow
            && flow.number > begun[flow.kind as usize]
        {
            begun[flow.kind as usize] = flow.number;
            shared.desk.tell(*me, Key::own(number), Told::Begun(flow.kind));
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
            let mut teller = Teller::new(self.me, self.shared, &mut self.totals, u64::MAX);
            teller.left = Some(Key::left(head));
            self.tracker.end_next(&mut ending, &mut teller);
        }
    }
}

/// What it takes to follow a packet.
struct Here<'a> {
    me: usize,
    shared: &'a Shared,
    tracker: &'a mut Tracker,
    answers: &'a Answers,
    number: u64,
}

impl Here<'_> {
    /// Gives the tracker a packet, if it is this thread's.
    fn follow(&mut self, meta: &PacketMeta, packet: &Packet<'_>, teller: &mut Teller<'_>) -> Note {
        self.tracker.on_packet_time(meta.ts, teller);
        let mine = match self.shared.threads.whose(packet) {
            Whose::Nobody => false,
            Whose::One(owner) => owner == self.me,
            Whose::Quoting(quoted, own) if quoted == own => own == self.me,
            Whose::Quoting(quoted, own) if quoted == self.me => {
                let note = self.tracker.on_icmp_error(meta, packet);
                if let Some(to) = &self.answers.to[own] {
                    // Who listens no more has failed, which is told by its end.
                    let _ = to.send(note.is_some());
                }
                return note.unwrap_or_default();
            }
            Whose::Quoting(quoted, own) => own == self.me && !self.is_known_to(quoted),
        };
        if mine { self.tracker.on_timed_packet(meta, packet, teller) } else { Note::default() }
    }

    /// Does that thread know the conversation that the packet at hand quotes?
    fn is_known_to(&self, thread: usize) -> bool {
        // Whoever is behind may itself be waited for until it is known where this thread is.
        self.shared.desk.mark(self.me, Key::own(self.number));
        self.answers.from[thread].as_ref().is_some_and(|from| from.recv().unwrap_or(false))
    }
}

/// Hands on what the tracker tells.
struct Teller<'a> {
    me: usize,
    desk: &'a Desk,
    totals: &'a mut Totals,
    number: u64,
    silent: Option<Rank>,
    left: Option<Key>,
}

impl<'a> Teller<'a> {
    fn new(me: usize, shared: &'a Shared, totals: &'a mut Totals, number: u64) -> Self {
        Self { me, desk: &shared.desk, totals, number, silent: None, left: None }
    }
}

impl FlowSink for Teller<'_> {
    fn on_flow_event(&mut self, event: FlowEvent<'_>) {
        // Verdicts on packets and outcomes of set-ups are in the record; streams are for one thread.
        let FlowEvent::Ended(record) = event else { return };
        self.totals.count_flow(record);
        let key = match (self.left, self.silent.take()) {
            (Some(left), _) => left,
            (None, Some(rank)) => Key::silent(self.number, rank),
            (None, None) => Key::own(self.number),
        };
        let before = heap::held();
        let record = Box::new(record.clone());
        let bytes = usize::try_from(heap::held() - before).unwrap_or(0);
        self.desk.tell_sized(self.me, key, Told::Ended(record), bytes);
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
