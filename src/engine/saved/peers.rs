//! What the threads must know of each other while they follow their conversations: which checksums the others found right and
//! wrong ([`ChecksumPeers`]), and whether an ICMP error is about a conversation that another thread follows. Both are asked
//! rarely, and waited for asleep.

use super::batch::{Batch, Progress};
use super::merge::{Desk, Key};
use crate::flow::checksums::PROTOCOLS;
use crate::flow::{ChecksumPeers, Found, PeerTally};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What one thread found of the checksum of the packet at hand; 0: nothing.
pub(super) type Finding = Arc<AtomicU8>;

/// The others' checksums, as one thread's judge asks for them.
pub(super) struct Peers {
    pub(super) me: usize,
    pub(super) finding: Finding,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) progress: Arc<Progress>,
    pub(super) desk: Arc<Desk>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("me", &self.me).finish_non_exhaustive()
    }
}

impl ChecksumPeers for Peers {
    fn tell(&mut self, protocol: usize, found: Found) {
        self.finding.store((protocol as u8) << 2 | found as u8, Ordering::Relaxed);
    }

    fn ask(&mut self, source: u16, protocol: usize, enough: &dyn Fn(PeerTally, u64) -> bool) -> PeerTally {
        let at = self.progress.of(self.me);
        let mut seen = lock(&self.seen);
        let mut waits = false;
        loop {
            let known = self.progress.slowest_beside(self.me).min(at);
            seen.count(known);
            let tally = seen.tallies.get(usize::from(source)).map_or_else(PeerTally::default, |of| of[protocol]);
            if known == at || self.desk.has_quit() || enough(tally, at - known) {
                return tally;
            }
            if !waits {
                // Whoever is behind may itself be waited for until it is known where this thread is.
                self.desk.mark(self.me, Key::own(at));
                waits = true;
            }
            self.progress.wait(self.me, at);
        }
    }
}

/// What the others found so far.
#[derive(Default)]
pub(super) struct Seen {
    me: usize,
    /// Batches of which something is not counted yet.
    batches: VecDeque<Arc<Batch>>,
    /// What was found before this frame is counted.
    counted: u64,
    tallies: Vec<[PeerTally; PROTOCOLS]>,
}

impl Seen {
    pub(super) fn new(me: usize) -> Self {
        Self { me, ..Self::default() }
    }

    /// A batch comes. What all have done before it is counted, so that no more batches are kept than threads are apart.
    pub(super) fn begin(&mut self, batch: &Arc<Batch>, slowest: u64) {
        self.batches.push_back(Arc::clone(batch));
        self.count(slowest.min(batch.first));
    }

    /// Counts what was found before a frame; all of it must have been.
    fn count(&mut self, until: u64) {
        while let Some(batch) = self.batches.front() {
            let (from, to) = (self.counted.max(batch.first), until.min(batch.end()));
            for number in from..to {
                let at = (number - batch.first) as usize;
                for (_, found) in batch.found.iter().enumerate().filter(|&(thread, _)| thread != self.me) {
                    let one = found[at].load(Ordering::Relaxed);
                    if one != 0 {
                        add(&mut self.tallies, batch.source(at), one);
                    }
                }
            }
            self.counted = self.counted.max(to);
            if until < batch.end() {
                return;
            }
            self.batches.pop_front();
        }
    }
}

fn add(tallies: &mut Vec<[PeerTally; PROTOCOLS]>, source: u16, one: u8) {
    let source = usize::from(source);
    if tallies.len() <= source {
        tallies.resize(source + 1, Default::default());
    }
    let Some(tally) = tallies[source].get_mut(usize::from(one >> 2)) else { return };
    if one & 3 == Found::Right as u8 {
        tally.right += 1;
    } else {
        tally.wrong += 1;
        tally.rewritten |= one & 3 == Found::Rewritten as u8;
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers of one thread to another, in order of frames: is the conversation that an ICMP error quotes under way?
pub(super) struct Answers {
    /// By the thread that asks; none for this one itself.
    to: Vec<Option<Sender<Answer>>>,
    /// By the thread that answers.
    from: Vec<Option<Receiver<Answer>>>,
    /// Answers of theirs to later questions, come before these are asked.
    early: Vec<Option<Answer>>,
}

/// At which frame it was asked, and the answer.
type Answer = (u64, bool);

/// So often who waits for an answer looks whether it can come at all. Both threads know who asks whom, so that it does; if it did not,
/// it would have to be done without.
const LOOK: Duration = Duration::from_millis(10);

impl Answers {
    /// For so many threads.
    pub(super) fn new(threads: usize) -> Vec<Self> {
        let mut all: Vec<Self> =
            (0..threads).map(|_| Self { to: Vec::new(), from: Vec::new(), early: vec![None; threads] }).collect();
        for answers in 0..threads {
            for asks in 0..threads {
                let (to, from) = if answers == asks { (None, None) } else { pair() };
                all[answers].to.push(to);
                all[asks].from.push(from);
            }
        }
        all
    }

    /// Answers a thread.
    pub(super) fn tell(&self, thread: usize, frame: u64, answer: bool) {
        if let Some(to) = &self.to[thread] {
            // Who listens no more has failed, which is told by its end.
            let _ = to.send((frame, answer));
        }
    }

    /// A thread's answer at a frame. `None`: it gave none, and is done with that frame, as `passed` says, or has ended.
    pub(super) fn wait(&mut self, thread: usize, frame: u64, passed: impl Fn() -> bool) -> Option<bool> {
        let from = self.from[thread].as_ref()?;
        loop {
            // Looked at first: what is told before it is done with the frame has come by then.
            let over = passed();
            let (at, answer) = match self.early[thread].take() {
                Some(early) => early,
                None => match from.recv_timeout(if over { Duration::ZERO } else { LOOK }) {
                    Ok(answer) => answer,
                    Err(RecvTimeoutError::Timeout) if !over => continue,
                    Err(_) => return None,
                },
            };
            if at == frame {
                return Some(answer);
            }
            if at > frame {
                self.early[thread] = Some((at, answer));
                return None;
            }
        }
    }
}

fn pair() -> (Option<Sender<Answer>>, Option<Receiver<Answer>>) {
    let (to, from) = std::sync::mpsc::channel();
    (Some(to), Some(from))
}
