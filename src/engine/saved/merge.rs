//! Puts in order what the threads tell, as one thread would have told it, gives flows their numbers and tells the output.
//!
//! Each thread has a stream of what it tells, in order of [`Key`]s, and a mark: nothing earlier than that comes any more. The
//! streams are bounded. No thread waits for another without having set its mark to where it is, the one that puts in order waits for
//! all at the earliest place at once, and the one that reads waits for room only where all others have what they need to come as far: so they
//! never all wait.

use crate::event::{Event, Sink};
use crate::flow::fetch::{fetch, fetch_parts};
use crate::flow::{Common, FlowKind, FlowRecord, Learnt, Names, Neighbour, Rank};
use crate::model::{SourceInfo, Timestamp};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
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
    /// What is known of a source by now.
    Source(u16, Box<SourceInfo>),
    SourcesEnded,
    /// The thread's next flow of this kind began.
    Begun(FlowKind),
    /// A host has a name.
    Learnt(Box<Name>),
    /// A host says something of addresses on its network.
    Neighbour(Box<Neighbour>),
    /// A flow ended. Its number is the thread's own.
    Ended(Box<FlowRecord>),
}

/// A name of a host, as a packet told it.
pub(super) struct Name {
    text: Box<str>,
    address: IpAddr,
    client: IpAddr,
    packet: (u16, u64),
    ts: Timestamp,
}

impl Name {
    pub(super) fn of(learnt: &Learnt<'_>) -> Self {
        let Learnt { name, address, client, packet, ts } = *learnt;
        Self { text: name.into(), address, client, packet, ts }
    }

    fn learnt(&self) -> Learnt<'_> {
        let Self { ref text, address, client, packet, ts } = *self;
        Learnt { name: text, address, client, packet, ts }
    }
}

#[derive(Default)]
struct Stream {
    waiting: Mutex<Waiting>,
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
    /// Who puts in order waits for more, and the stream's thread for room. To wake who does not wait is a system call, too.
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
}

/// The streams: one of each thread, and the last of the one that reads.
pub(super) struct Desk {
    streams: Vec<Stream>,
    /// Most bytes that wait in each; as many may have been taken of it, as many be on their way back, and as many be kept to be
    /// filled again.
    room: usize,
    quit: AtomicBool,
    flows: AtomicU64,
    /// What comes before this frame is to be handed on as soon as it is told; one more than its number, 0: nobody asked.
    flush: AtomicU64,
    /// There is news for the one that puts in order.
    news: Mutex<bool>,
    comes: Condvar,
}

impl Desk {
    /// `room`: bytes for what all of them tell; 0: only its number is bounded.
    pub(super) fn new(threads: usize, room: usize) -> Self {
        let streams = (0..=threads).map(|_| Stream::default()).collect();
        let room = if room == 0 { usize::MAX } else { room / (4 * threads) };
        let (quit, flows, flush) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        Self { streams, room, quit, flows, flush, news: Mutex::new(false), comes: Condvar::new() }
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
            stream.room.notify_all();
        }
        self.wake();
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
            self.wake_for(&mut waiting);
        }
    }

    /// Tells what is known of a source: one at a time, as it may be large. All that comes before `key` was dealt out already, and every
    /// thread's mark comes to it without another word of the one that reads, which may therefore wait here.
    pub(super) fn source(&self, key: Key, index: u16, info: Box<SourceInfo>) {
        let Some(mut waiting) = self.waiting_with_room(&self.streams[self.readers()]) else { return };
        waiting.told.push_back((key, Told::Source(index, info)));
        waiting.bytes = self.room;
        self.wake_for(&mut waiting);
    }

    /// Tells that a flow ended, when there is room, and gives back records that were told before. The record has so many bytes.
    pub(super) fn end(&self, of: usize, key: Key, record: Box<FlowRecord>, bytes: usize) -> Spent {
        let stream = &self.streams[of];
        let Some(mut waiting) = self.waiting_with_room(stream) else { return Vec::new() };
        waiting.told.push_back((key, Told::Ended(record)));
        waiting.bytes += bytes;
        if waiting.told.len() == WORTH || waiting.bytes >= self.room {
            self.wake_for(&mut waiting);
        }
        std::mem::take(&mut waiting.spent)
    }

    /// Waits for room. `None`: nobody wants any more.
    fn waiting_with_room<'s>(&self, stream: &'s Stream) -> Option<MutexGuard<'s, Waiting>> {
        let mut waiting = stream.lock();
        while (waiting.told.len() >= ROOM || waiting.bytes >= self.room) && !self.has_quit() {
            self.wake_for(&mut waiting);
            waiting.wants_room = true;
            waiting = stream.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.wants_room = false;
        }
        (!self.has_quit()).then_some(waiting)
    }

    /// Nothing earlier than this is told any more.
    pub(super) fn mark(&self, of: usize, mark: Key) {
        let mut waiting = self.streams[of].lock();
        waiting.mark = mark;
        self.wake_for(&mut waiting);
    }

    /// The stream of the thread that reads.
    pub(super) fn readers(&self) -> usize {
        self.streams.len() - 1
    }

    /// What was read so far is to be handed on. Waits for nobody, however often it is asked.
    pub(super) fn flush(&self) {
        let at = self.streams[self.readers()].lock().mark.frame.saturating_add(1);
        // Where what was asked before is not done yet, it is done with this.
        self.flush.fetch_max(at, Ordering::Relaxed);
        self.wake();
    }

    /// Is something to be handed on, now that all before this is told?
    fn takes_flush(&self, told: Key) -> bool {
        let at = self.flush.load(Ordering::Relaxed);
        // More may be asked for just now: that stays.
        at > 0 && told.frame >= at - 1 && self.flush.compare_exchange(at, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Wakes the one that puts in order.
    fn wake(&self) {
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.comes.notify_one();
    }

    /// Wakes it if it waits for this stream.
    fn wake_for(&self, waiting: &mut Waiting) {
        if std::mem::take(&mut waiting.wants_more) {
            self.wake();
        }
    }

    /// Waits until it is woken, or was since it waited last.
    fn wait(&self) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *news) {
            news = self.comes.wait(news).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing is told any more.
    pub(super) fn close(&self, of: usize) {
        self.mark(of, Key::END);
    }

    /// Takes what waits in a stream, if something does or its mark is later than `key`; `false`: there will be news of it.
    fn take(&self, of: usize, key: Key, taken: &mut Taken) -> bool {
        let stream = &self.streams[of];
        let mut waiting = stream.lock();
        waiting.spent.append(&mut taken.spent);
        if waiting.told.is_empty() && waiting.mark <= key {
            waiting.wants_more = true;
            return false;
        }
        std::mem::swap(&mut waiting.told, &mut taken.told);
        waiting.bytes = 0;
        if waiting.wants_room {
            stream.room.notify_one();
        }
        taken.mark = waiting.mark;
        true
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

/// Tells `sink` all that the threads tell, until they have all closed. `most`: flows at one time before it gets crowded; `names`: where
/// names of hosts are kept, if flows are to have any.
pub(super) fn merge(desk: &Desk, common: &Common, most: usize, mut names: Option<Names>, sink: &mut impl Sink) -> io::Result<()> {
    let nothing = |_| Taken { told: VecDeque::new(), mark: Key::START, spent: Vec::new() };
    let mut streams: Vec<Taken> = desk.streams.iter().map(nothing).collect();
    let mut numbers = Numbers::new(streams.len(), most);
    while !desk.has_quit() {
        // The stream that may be the first to go on, and up to where it goes before the others.
        let bounds = || streams.iter().enumerate().map(|(of, stream)| (stream.bound(), stream.told.is_empty(), of));
        let Some((first, empty, of)) = bounds().min() else { return Ok(()) };
        if desk.takes_flush(first) {
            let done = sink.flush();
            if done.is_err() {
                desk.quit();
                return done;
            }
        }
        if empty {
            if first == Key::END {
                return Ok(());
            }
            // Any of those that are there: one of them may wait for another, and that for room.
            let all = streams.iter_mut().enumerate().filter(|(_, stream)| stream.told.is_empty() && stream.mark == first);
            if !all.fold(false, |news, (of, stream)| desk.take(of, first, stream) | news) {
                desk.wait();
            }
            continue;
        }
        let next = bounds().filter(|(.., other)| *other != of).map(|(bound, ..)| bound).min().unwrap_or(Key::END);
        while let Some((_, told)) = streams[of].told.pop_front_if(|(key, _)| *key <= next) {
            streams[of].look_ahead();
            let done = match told {
                Told::Source(index, info) => sink.on_event(&Event::Source { index, info: &info }).map(drop),
                Told::SourcesEnded => sink.on_event(&Event::SourcesEnded).map(drop),
                Told::Begun(kind) => {
                    if numbers.begin(of, kind) {
                        common.is_crowded();
                    }
                    desk.flows.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
                Told::Learnt(name) => {
                    if let Some(names) = &mut names {
                        names.learn(&name.learnt());
                    }
                    Ok(())
                }
                Told::Neighbour(neighbour) => sink.on_event(&Event::Neighbour(&neighbour)).map(drop),
                Told::Ended(mut record) => {
                    numbers.end(of, &mut record);
                    if let Some(names) = &names {
                        names.label(&mut record);
                    }
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
        let number = own.active.remove(&record.id.number);
        debug_assert!(number.is_some(), "that it began is told before");
        if let Some(number) = number {
            record.id.number = number;
            self.active -= 1;
        }
    }
}
