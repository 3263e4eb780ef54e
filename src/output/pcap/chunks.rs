//! The way of records to the thread that writes them: gathered into chunks, as large as a disk likes them, and handed over through
//! the bounded queue. The thread starts with the first of them.

use super::back::{Back, Job};
use crate::output::queue::{Moved, Queue, WhenFull};
use crate::output::target::PATIENCE;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes gathered before they are handed over.
const BUFFER: usize = 256 << 10;
/// Room for the record that fills a chunk.
const BEYOND: usize = 4096;
/// Bytes that may wait for the disk while capturing: half a second at a gigabit per second.
pub(super) const QUEUE_LIVE: usize = 64 << 20;
/// The same where the source can wait: enough for both sides to work.
const QUEUE_FILES: usize = 2 << 20;
/// What a message in the queue counts that is no chunk.
const MESSAGE: usize = 64;

/// Records on their way.
pub(super) struct Chunks {
    /// Those that are not handed over yet.
    pub(super) buffer: Vec<u8>,
    /// Packets in them.
    pub(super) packets: u64,
    stage: Stage,
    when_full: WhenFull,
    /// Bytes that may wait.
    most: usize,
    /// Packets that are safe in files.
    saved: Arc<AtomicU64>,
    /// Live, into a pipe or the like: how far its reader is, which is waited for only while it reads.
    reader: Option<Arc<Moved>>,
}

/// The writing side.
enum Stage {
    /// No thread yet: it starts with the first thing to write, when the program has given up its rights.
    Waiting(Box<Back>),
    Running(Queue<Back>),
    Over,
}

/// How the end of the way went.
pub(super) enum Closed {
    /// What the far side has counted, and its error if that was not told yet.
    Done(Box<Back>, io::Result<()>),
    /// The reader does not read.
    Unread,
    /// It was closed before.
    Before,
}

impl Chunks {
    pub(super) fn new(back: Back, when_full: WhenFull, most_live: usize, reader: Option<Arc<Moved>>) -> Self {
        Self {
            buffer: Vec::with_capacity(BUFFER + BEYOND),
            packets: 0,
            saved: back.saved(),
            stage: Stage::Waiting(Box::new(back)),
            when_full,
            most: if when_full == WhenFull::Wait { QUEUE_FILES } else { most_live.min(QUEUE_LIVE) },
            reader,
        }
    }

    /// Bytes that are not handed over yet.
    pub(super) const fn gathered(&self) -> usize {
        self.buffer.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Is it time to hand over?
    pub(super) const fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Is there room for another chunk? Where the source can wait, this waits.
    pub(super) fn has_room(&self) -> bool {
        match &self.stage {
            Stage::Running(queue) => queue.has_room(),
            Stage::Waiting(_) | Stage::Over => true,
        }
    }

    /// Waits until there is room, where the source does not wait: for a reader only while it reads.
    pub(super) fn wait_for_room(&self) {
        if let Stage::Running(queue) = &self.stage {
            match &self.reader {
                Some(moved) => queue.wait_for_room(self.most, PATIENCE, moved),
                None => queue.wait_for_room(self.most, Duration::MAX, &Moved::new(0)),
            };
        }
    }

    /// Packets that are safe in files.
    pub(super) fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }

    /// Hands over what is gathered.
    pub(super) fn hand_over(&mut self) -> io::Result<()> {
        let mut next = match &self.stage {
            Stage::Running(queue) => queue.buffer(),
            Stage::Waiting(_) | Stage::Over => Vec::new(),
        };
        if self.buffer.len() >= BUFFER / 2 {
            // As much comes again.
            next.reserve(BUFFER + BEYOND);
        }
        let bytes = std::mem::replace(&mut self.buffer, next);
        let room = bytes.capacity();
        let packets = std::mem::take(&mut self.packets);
        self.send(Job::Write { bytes, packets }, room)
    }

    /// Hands over what is no chunk.
    pub(super) fn push(&mut self, job: Job) -> io::Result<()> {
        self.send(job, MESSAGE)
    }

    fn send(&mut self, job: Job, bytes: usize) -> io::Result<()> {
        if let Stage::Waiting(_) = &self.stage
            && let Stage::Waiting(back) = std::mem::replace(&mut self.stage, Stage::Over)
        {
            self.stage = Stage::Running(Queue::start(*back, self.most, self.when_full)?);
        }
        let Stage::Running(queue) = &self.stage else { return Ok(()) };
        queue.push(job, bytes)
    }

    /// Waits until what was handed over is written, where the source can wait; else only looks whether the far side failed.
    pub(super) fn settle(&self) -> io::Result<()> {
        let Stage::Running(queue) = &self.stage else { return Ok(()) };
        if self.when_full == WhenFull::Wait { queue.settle() } else { queue.check() }
    }

    pub(super) const fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    /// Waits until all is written, but for a reader only while it reads.
    pub(super) fn close(&mut self) -> Closed {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting(back) => Closed::Done(back, Ok(())),
            Stage::Running(queue) => {
                let closed = match &self.reader {
                    Some(moved) => queue.close_while_it_moves(PATIENCE, moved),
                    None => queue.close(),
                };
                closed.map_or(Closed::Unread, |(back, done)| Closed::Done(Box::new(back), done))
            }
            Stage::Over => Closed::Before,
        }
    }
}
