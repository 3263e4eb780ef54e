//! Frames on their way from the thread that reads to those that follow conversations: copied, numbered, many at a time. A batch is
//! given to every thread, and used again when all have let go of it.

use super::merge::{Desk, Key};
use super::place::Threads;
use crate::flow::fetch::{fetch, fetch_headers};
use crate::model::{Frame, SourceInfo, Timestamp};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Frames of a batch, at most.
const FRAMES: usize = 1024;
/// Bytes of frames after which a batch is given on.
const BYTES: usize = 384 << 10;
/// Of a frame so many bytes are handed on at most: more than those of the longest datagram, as long as any program captures.
const LONGEST: usize = 256 << 10;
/// Batches that wait for a thread, at most, beside the one it works on and the next: so far may one be ahead of another.
pub(super) const WAITING: usize = 3;

/// What a thread is given to do.
pub(super) enum Work {
    Batch(Arc<Batch>),
    /// No more comes. What the counters of the sources say was dropped: source and packets.
    End(Arc<Vec<(u16, u64)>>),
}

/// Packets that the capture dropped: before which frame of a batch, source, time, number.
pub(super) type Dropped = (usize, u16, Timestamp, u64);

/// Frames in order.
pub(super) struct Batch {
    /// Number of the first, among all that were let through, from 1.
    pub(super) first: u64,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// By thread, which of the frames it has to look at: its own, and those of which it is not known whose they are.
    of: Vec<Vec<Spot>>,
    /// No frame is of an earlier time than the one before.
    pub(super) rises: bool,
    /// What the capture dropped.
    pub(super) drops: Vec<Dropped>,
    /// What each thread found of the checksums of its frames; 0: nothing.
    pub(super) found: Vec<Box<[AtomicU8]>>,
}

/// Where a frame is in a batch, and where its bytes begin: all that it takes to ask for it.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) at: u32,
    start: u32,
}

struct Entry {
    frame: Frame<'static>,
    /// Where its bytes are.
    bytes: Range<usize>,
    /// The thread that follows it, where that is known.
    thread: Option<usize>,
}

impl Batch {
    fn new(threads: usize) -> Self {
        let found = (0..threads).map(|_| (0..FRAMES).map(|_| AtomicU8::new(0)).collect()).collect();
        Self {
            first: 0,
            entries: Vec::with_capacity(FRAMES),
            bytes: Vec::with_capacity(BYTES + LONGEST),
            of: (0..threads).map(|_| Vec::with_capacity(FRAMES)).collect(),
            rises: true,
            drops: Vec::new(),
            found,
        }
    }

    fn clear(&mut self, first: u64) {
        let used = self.entries.len();
        for found in &mut self.found {
            found[..used].iter_mut().for_each(|one| *one.get_mut() = 0);
        }
        self.first = first;
        self.entries.clear();
        self.bytes.clear();
        self.of.iter_mut().for_each(Vec::clear);
        self.rises = true;
        self.drops.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of the frame after the last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.len() as u64
    }

    pub(super) fn source(&self, at: usize) -> u16 {
        self.entries[at].frame.source
    }

    /// The frames that a thread has to look at, in order.
    pub(super) fn of(&self, thread: usize) -> &[Spot] {
        &self.of[thread]
    }

    /// Asks for the memory of a frame.
    #[inline]
    pub(super) fn fetch(&self, spot: Spot) {
        if let Some(entry) = self.entries.get(spot.at as usize) {
            fetch(entry);
        }
        fetch_headers(self.bytes.get(spot.start as usize..).unwrap_or_default());
    }

    /// A frame, and the thread that follows it, where that is known.
    #[inline]
    pub(super) fn frame(&self, at: usize) -> (Frame<'_>, Option<usize>) {
        let Entry { frame, bytes, thread } = &self.entries[at];
        (Frame { bytes: &self.bytes[bytes.clone()], ..*frame }, *thread)
    }

    /// The time of a frame.
    #[inline]
    pub(super) fn time(&self, at: usize) -> Timestamp {
        self.entries[at].frame.ts
    }
}

/// Deals out frames.
pub(in crate::engine) struct Dealer {
    threads: Threads,
    batch: Batch,
    /// Those that were given on, oldest first.
    given: VecDeque<Arc<Batch>>,
    to: Vec<SyncSender<Work>>,
    desk: Arc<Desk>,
}

impl Dealer {
    pub(super) fn new(threads: Threads, to: Vec<SyncSender<Work>>, desk: Arc<Desk>) -> Self {
        let mut batch = Batch::new(to.len());
        batch.clear(1);
        Self { threads, batch, given: VecDeque::new(), to, desk }
    }

    /// Takes a frame. `false`: nobody wants any more.
    pub(in crate::engine) fn give(&mut self, frame: &Frame<'_>) -> bool {
        let batch = &mut self.batch;
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(&frame.bytes[..frame.bytes.len().min(LONGEST)]);
        let thread = self.threads.at_first_sight(frame);
        // Neither reaches 4 GiB.
        let spot = Spot { at: batch.len() as u32, start: start as u32 };
        match thread {
            Some(thread) => batch.of[thread].push(spot),
            None => batch.of.iter_mut().for_each(|of| of.push(spot)),
        }
        batch.rises &= batch.entries.last().is_none_or(|before| before.frame.ts <= frame.ts);
        let bytes = start..batch.bytes.len();
        batch.entries.push(Entry { frame: Frame { bytes: &[], options: None, ..*frame }, bytes, thread });
        if batch.len() >= FRAMES || batch.bytes.len() >= BYTES { self.flush() } else { true }
    }

    /// The capture dropped packets before the frame that comes next, whether that is let through or not.
    pub(in crate::engine) fn drops(&mut self, source: u16, ts: Timestamp, packets: u64) {
        self.batch.drops.push((self.batch.len(), source, ts, packets));
        if self.batch.drops.len() >= FRAMES {
            self.flush();
        }
    }

    /// Flows begun so far.
    pub(in crate::engine) fn flows(&self) -> u64 {
        self.desk.flows()
    }

    /// Hands on what is there. `false`: nobody wants any more.
    pub(in crate::engine) fn flush(&mut self) -> bool {
        if self.batch.len() == 0 && self.batch.drops.is_empty() {
            return !self.desk.has_quit();
        }
        let next = self.batch.end();
        // Those given on so long ago that no queue holds them: nearly always nobody holds them any more.
        let free = if self.given.len() > WAITING + 3 { self.given.pop_front() } else { None };
        let mut empty = free.and_then(Arc::into_inner).unwrap_or_else(|| Batch::new(self.to.len()));
        empty.clear(next);
        let batch = Arc::new(std::mem::replace(&mut self.batch, empty));
        // Before anybody follows them: nothing of the reader's comes before what they bring about.
        self.desk.mark(self.to.len(), Key::source(next));
        let open = self.to.iter().all(|to| to.send(Work::Batch(Arc::clone(&batch))).is_ok());
        self.given.push_back(batch);
        open && !self.desk.has_quit()
    }

    /// More is known of a source. It is told when all before it is, for which what was read so far is handed on. `false`: nobody wants any
    /// more.
    pub(in crate::engine) fn source(&mut self, index: u16, info: &SourceInfo) -> bool {
        self.flush();
        // Before the first batch the others are at the start, too.
        let next = if self.given.is_empty() { 0 } else { self.batch.end() };
        self.desk.source(Key::source(next), index, Box::new(info.clone()));
        !self.desk.has_quit()
    }

    /// Hands on the rest, and says that it is.
    pub(super) fn end(mut self, dropped: Vec<(u16, u64)>) {
        self.flush();
        let dropped = Arc::new(dropped);
        for to in &self.to {
            // Who listens no more has failed, which is told by its end.
            let _ = to.send(Work::End(Arc::clone(&dropped)));
        }
    }
}

/// How far each thread is: the number of the frame it is at. All before it is done.
#[derive(Debug)]
pub(super) struct Progress {
    places: Vec<Place>,
    /// Who waits for a thread is woken here.
    lock: Mutex<()>,
    moved: Condvar,
}

/// A cache line each.
#[derive(Debug)]
#[repr(align(64))]
struct Place {
    at: AtomicU64,
    /// The first frame for which another thread waits.
    awaited: AtomicU64,
}

/// To see that it is waited for at the very moment at which it sets its place would cost a thread a fence with each frame. Who waits for it
/// looks again after this time instead.
const LOOK: Duration = Duration::from_millis(1);

impl Progress {
    pub(super) fn new(threads: usize) -> Self {
        let place = |_| Place { at: AtomicU64::new(0), awaited: AtomicU64::new(u64::MAX) };
        Self { places: (0..threads).map(place).collect(), lock: Mutex::default(), moved: Condvar::new() }
    }

    pub(super) fn set(&self, thread: usize, at: u64) {
        let place = &self.places[thread];
        // Release: who sees it sees what was written before.
        place.at.store(at, Ordering::Release);
        if at >= place.awaited.load(Ordering::Relaxed) {
            self.wake(place);
        }
    }

    #[cold]
    fn wake(&self, place: &Place) {
        let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        place.awaited.store(u64::MAX, Ordering::Relaxed);
        self.moved.notify_all();
    }

    pub(super) fn of(&self, thread: usize) -> u64 {
        self.places[thread].at.load(Ordering::Acquire)
    }

    /// Where the last of the others is.
    pub(super) fn slowest_beside(&self, thread: usize) -> u64 {
        self.slowest(thread).map_or(u64::MAX, |other| self.of(other))
    }

    fn slowest(&self, beside: usize) -> Option<usize> {
        (0..self.places.len()).filter(|&other| other != beside).min_by_key(|&other| self.of(other))
    }

    /// Waits a while for the last of the others to come to this frame.
    pub(super) fn wait(&self, thread: usize, at: u64) {
        let Some(slowest) = self.slowest(thread) else { return };
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.places[slowest].awaited.fetch_min(at, Ordering::SeqCst);
        if self.of(slowest) < at {
            let _ = self.moved.wait_timeout(held, LOOK);
        }
    }
}
