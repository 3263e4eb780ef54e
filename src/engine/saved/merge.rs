//! Puts in order what the threads tell, as one thread would have told it, gives flows their numbers and tells the output.
//!
//! Each thread has a stream of what it tells, in order of [`Key`]s, and a mark: nothing earlier than that comes any more. The
//! streams are bounded. No thread waits for another without having set its mark to where it is, so that they never all wait.

use crate::event::{Event, Sink};
use crate::flow::fetch::{fetch, fetch_parts};
use crate::flow::{Common, FlowKind, FlowRecord, Rank};
use crate::model::{SourceInfo, Timestamp};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most that waits in a stream, by number.
const ROOM: usize = 2048;
/// So much is worth waking who waits for it; less is told with the mark.
const WORTH: usize = 256;
/// Most records that are kept to be filled again, and the bytes that a large one may have.
const SPARES: usize = 512;
const RECORD: usize = 4 << 10;
/// Records that are asked for before they are told.
const AHEAD: usize = 4;
/// Kinds of flows.
const KINDS: usize = FlowKind::Other as usize + 1;

/// When something happens: at which frame, and in what order there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    frame: u64,
    phase: Phase,
}

/// What happens at a frame, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Something of its source.
    Source,
    /// Flows that were silent for too long end.
    Silent(Rank),
    /// The frame itself: of one thread.
    Own,
    /// After all frames: flows that were left end in order of their first packets.
    Left(Timestamp, u16, u64),
}

impl Key {
    const START: Self = Self::source(0);
    const END: Self = Self { frame: u64::MAX, phase: Phase::Left(Timestamp::MAX, u16::MAX, u64::MAX) };

    pub(super) const fn source(frame: u64) -> Self {
        Self { frame, phase: Phase::Source }
    }

    pub(super) const fn silent(frame: u64, rank: Rank) -> Self {
        Self { frame, phase: Phase::Silent(rank) }
    }

    pub(super) const fn own(frame: u64) -> Self {
        Self { frame, phase: Phase::Own }
    }

    pub(super) const fn left((start, source, number): (Timestamp, u16, u64)) -> Self {
        Self { frame: u64::MAX, phase: Phase::Left(start, source, number) }
    }

    /// All frames were read.
    pub(super) const fn sources_ended() -> Self {
        Self::source(u64::MAX)
    }
}

/// Records that were told and may be filled again: boxes that go to and fro, which moves no record.
pub(super) type Spent = Vec<Box<FlowRecord>>;

/// What is told.
pub(super) enum Told {
    /// A source is there.
    Source(u16, Box<SourceInfo>),
    /// Hand on what there is.
    Flush,
    SourcesEnded,
    /// The thread's next flow of this kind began.
    Begun(FlowKind),
    /// A flow ended. Its number is the thread's own.
    Ended(Box<FlowRecord>),
}

#[derive(Default)]
struct Stream {
    waiting: Mutex<Waiting>,
    more: Condvar,
    room: Condvar,
}

struct Waiting {
    told: VecDeque<(Key, Told)>,
    /// Bytes of that.
    bytes: usize,
    mark: Key,
    /// Records that were told, for the thread that made them: what it gives back to the allocator itself it has at once for the
    /// next, and nobody waits for its lock.
    spent: Spent,
    /// Somebody waits for more, and for room. To wake who does not wait is a system call, too.
    wants_more: bool,
    wants_room: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        let (told, spent) = (VecDeque::new(), Vec::new());
        Self { told, bytes: 0, mark: Key::START, spent, wants_more: false, wants_room: false }
    }
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits for more, if anybody does.
    fn wake(&self, waiting: &Waiting) {
        if waiting.wants_more {
            self.more.notify_one();
        }
    }
}

/// The streams: one of each thread, and the last of the one that reads.
pub(super) struct Desk {
    streams: Vec<Stream>,
    /// Most bytes that wait in each; as many may have been taken of it, as many be on their way back, and as many be kept to be
    /// filled again.
    room: usize,
    quit: AtomicBool,
    flows: AtomicU64,
}

impl Desk {
    /// `room`: bytes for what all of them tell; 0: only its number is bounded.
    pub(super) fn new(threads: usize, room: usize) -> Self {
        let streams = (0..=threads).map(|_| Stream::default()).collect();
        let room = if room == 0 { usize::MAX } else { room / (4 * threads) };
        Self { streams, room, quit: AtomicBool::new(false), flows: AtomicU64::new(0) }
    }

    /// Flows begun so far.
    pub(super) fn flows(&self) -> u64 {
        self.flows.load(Ordering::Relaxed)
    }

    /// Records that a thread may keep to be filled again.
    pub(super) fn spares(&self) -> usize {
        SPARES.min(self.room / RECORD)
    }

    /// Nobody needs to go on: something failed.
    pub(super) fn quit(&self) {
        self.quit.store(true, Ordering::Relaxed);
        for stream in &self.streams {
            let _held = stream.lock();
            stream.more.notify_all();
            stream.room.notify_all();
        }
    }

    pub(super) fn has_quit(&self) -> bool {
        self.quit.load(Ordering::Relaxed)
    }

    /// Tells something, when there is room.
    pub(super) fn tell(&self, of: usize, key: Key, told: Told) {
        let stream = &self.streams[of];
        let Some(mut waiting) = self.waiting_with_room(stream) else { return };
        waiting.told.push_back((key, told));
        if waiting.told.len() == WORTH {
            stream.wake(&waiting);
        }
    }

    /// Tells that a flow ended, when there is room, and gives back records that were told before. The record has so many bytes.
    pub(super) fn end(&self, of: usize, key: Key, record: Box<FlowRecord>, bytes: usize) -> Spent {
        let stream = &self.streams[of];
        let Some(mut waiting) = self.waiting_with_room(stream) else { return Vec::new() };
        waiting.told.push_back((key, Told::Ended(record)));
        waiting.bytes += bytes;
        if waiting.told.len() == WORTH || waiting.bytes >= self.room {
            stream.wake(&waiting);
        }
        std::mem::take(&mut waiting.spent)
    }

    /// Waits for room. `None`: nobody wants any more.
    fn waiting_with_room<'s>(&self, stream: &'s Stream) -> Option<MutexGuard<'s, Waiting>> {
        let mut waiting = stream.lock();
        while (waiting.told.len() >= ROOM || waiting.bytes >= self.room) && !self.has_quit() {
            stream.wake(&waiting);
            waiting.wants_room = true;
            waiting = stream.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.wants_room = false;
        }
        (!self.has_quit()).then_some(waiting)
    }

    /// Nothing earlier than this is told any more.
    pub(super) fn mark(&self, of: usize, mark: Key) {
        let stream = &self.streams[of];
        let mut waiting = stream.lock();
        waiting.mark = mark;
        stream.wake(&waiting);
    }

    /// The stream of the thread that reads.
    pub(super) fn readers(&self) -> usize {
        self.streams.len() - 1
    }

    /// Was no mark set yet?
    pub(super) fn is_at_start(&self, of: usize) -> bool {
        self.streams[of].lock().mark == Key::START
    }

    /// Tells something at the mark.
    pub(super) fn tell_now(&self, of: usize, told: Told) {
        let mark = self.streams[of].lock().mark;
        self.tell(of, mark, told);
        self.mark(of, mark);
    }

    /// Nothing is told any more.
    pub(super) fn close(&self, of: usize) {
        self.mark(of, Key::END);
    }

    /// Takes what waits in a stream, once something does or its mark is later than `key`.
    fn take(&self, of: usize, key: Key, taken: &mut Taken) {
        let stream = &self.streams[of];
        let mut waiting = stream.lock();
        waiting.spent.append(&mut taken.spent);
        while waiting.told.is_empty() && waiting.mark <= key && waiting.mark != Key::END && !self.has_quit() {
            waiting.wants_more = true;
            waiting = stream.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.wants_more = false;
        }
        std::mem::swap(&mut waiting.told, &mut taken.told);
        waiting.bytes = 0;
        if waiting.wants_room {
            stream.room.notify_one();
        }
        taken.mark = waiting.mark;
    }
}

/// What was taken of a stream.
struct Taken {
    told: VecDeque<(Key, Told)>,
    mark: Key,
    spent: Spent,
}

impl Taken {
    /// Nothing earlier than this comes of it.
    fn bound(&self) -> Key {
        self.told.front().map_or(self.mark, |(key, _)| *key)
    }

    /// Asks for the records that come soon.
    fn look_ahead(&self) {
        if let Some((_, Told::Ended(record))) = self.told.get(AHEAD) {
            fetch(&**record);
        }
        if let Some((_, Told::Ended(record))) = self.told.get(AHEAD / 2) {
            fetch_parts(record);
        }
    }
}

/// Tells `sink` all that the threads tell, until they have all closed. `most`: flows at one time before it gets crowded.
pub(super) fn merge(desk: &Desk, common: &Common, most: usize, sink: &mut impl Sink) -> io::Result<()> {
    let nothing = |_| Taken { told: VecDeque::new(), mark: Key::START, spent: Vec::new() };
    let mut streams: Vec<Taken> = desk.streams.iter().map(nothing).collect();
    let mut numbers = Numbers::new(streams.len(), most);
    while !desk.has_quit() {
        // The stream that may be the first to go on, and up to where it goes before the others.
        let bounds = || streams.iter().enumerate().map(|(of, stream)| (stream.bound(), stream.told.is_empty(), of));
        let Some((first, empty, of)) = bounds().min() else { return Ok(()) };
        if empty {
            if first == Key::END {
                return Ok(());
            }
            desk.take(of, first, &mut streams[of]);
            continue;
        }
        let next = bounds().filter(|(.., other)| *other != of).map(|(bound, ..)| bound).min().unwrap_or(Key::END);
        while let Some((_, told)) = streams[of].told.pop_front_if(|(key, _)| *key <= next) {
            streams[of].look_ahead();
            let done = match told {
                Told::Source(index, info) => sink.on_event(&Event::Source { index, info: &info }).map(drop),
                Told::Flush => sink.flush(),
                Told::SourcesEnded => sink.on_event(&Event::SourcesEnded).map(drop),
                Told::Begun(kind) => {
                    if numbers.begin(of, kind) {
                        common.is_crowded();
                    }
                    desk.flows.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
                Told::Ended(mut record) => {
                    numbers.end(of, &mut record);
                    let done = sink.on_event(&Event::Flow(&record)).map(drop);
                    streams[of].spent.push(record);
                    done
                }
            };
            if done.is_err() {
                desk.quit();
                return done;
            }
        }
    }
    Ok(())
}

/// The numbers of flows: those of all threads in order of their first packets, for those that each thread gave its own.
struct Numbers {
    most: usize,
    active: usize,
    begun: [u64; KINDS],
    threads: Vec<[Own; KINDS]>,
}

#[derive(Default)]
struct Own {
    begun: u64,
    active: HashMap<u64, u64, foldhash::fast::RandomState>,
}

impl Numbers {
    fn new(streams: usize, most: usize) -> Self {
        Self { most, active: 0, begun: [0; KINDS], threads: (0..streams).map(|_| Default::default()).collect() }
    }

    /// A flow begins. Says whether there are as many as there may be already.
    fn begin(&mut self, of: usize, kind: FlowKind) -> bool {
        let crowded = self.active >= self.most;
        self.active += 1;
        let number = &mut self.begun[kind as usize];
        *number += 1;
        let own = &mut self.threads[of][kind as usize];
        own.begun += 1;
        own.active.insert(own.begun, *number);
        crowded
    }

    fn end(&mut self, of: usize, record: &mut FlowRecord) {
        let own = &mut self.threads[of][record.id.kind as usize];
        if let Some(number) = own.active.remove(&record.id.number) {
            record.id.number = number;
            self.active -= 1;
        }
    }
}
