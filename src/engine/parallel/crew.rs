//! What the caller's thread does while the others read: signals are answered for all of them together, and what each of them sees
//! happen to an interface is told once.

use super::sums;
use crate::capture::SourceNotice;
use crate::engine::clock::Stopwatch;
use crate::engine::drops::{DropWatch, Drops};
use crate::engine::run::{Progress, Watch};
use crate::engine::stop::Stop;
use crate::event::RunSummary;
use crate::model::SourceInfo;
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(50);
/// Looks after which a thread that has not answered is not waited for: the output may keep it.
const PATIENCE: u32 = 10;

/// What a thread says.
enum Word {
    /// How it is going; asked for.
    Status(Progress, Box<RunSummary>),
    Notice(SourceNotice, Box<SourceInfo>),
    /// It finds that something is being lost.
    Drops,
    /// It reads no more; and should the others stop, too?
    Ended {
        all: bool,
    },
}

/// The threads, as the caller's thread sees them.
pub(super) struct Crew {
    /// The run's.
    stop: Stop,
    threads: Vec<Member>,
    tell: Sender<(usize, Word)>,
    told: Receiver<(usize, Word)>,
    asked: Option<Question>,
    /// How many notices of each interface were told.
    notices: BTreeMap<u32, usize>,
    /// What was told of losses, and when they were looked at.
    drops: DropWatch,
    counted: Stopwatch,
}

struct Member {
    stop: Stop,
    reads: bool,
    /// It was asked and has not answered.
    owes: bool,
    latest: Option<(Progress, RunSummary)>,
    /// How many notices it gave of each interface.
    notices: BTreeMap<u32, usize>,
}

/// How all of them are getting on was asked, for these reasons.
#[derive(Default)]
struct Question {
    looks: u32,
    status: bool,
    drops: bool,
    notices: Vec<(SourceNotice, Box<SourceInfo>)>,
}

impl Crew {
    pub(super) fn new(stop: Stop, threads: usize) -> Self {
        let (tell, told) = mpsc::channel();
        let (drops, counted) = (DropWatch::default(), Stopwatch::start());
        Self { stop, threads: Vec::with_capacity(threads), tell, told, asked: None, notices: BTreeMap::new(), drops, counted }
    }

    /// Another thread: its flags, and its way to tell something.
    pub(super) fn enlist(&mut self) -> (Stop, Post) {
        let stop = self.stop.for_thread();
        let post = Post { me: self.threads.len(), tell: self.tell.clone() };
        self.threads.push(Member { stop: stop.clone(), reads: true, owes: false, latest: None, notices: BTreeMap::new() });
        (stop, post)
    }

    /// Returns when no thread reads any more. A flush that fails ends the run.
    pub(super) fn look_after(&mut self, flush: &mut dyn FnMut() -> io::Result<()>, watch: &mut impl Watch) -> io::Result<()> {
        let mut flushed = Ok(());
        while self.threads.iter().any(|thread| thread.reads) {
            match self.told.recv_timeout(LOOK) {
                Ok((thread, word)) => self.hear(thread, word),
                Err(RecvTimeoutError::Timeout) => self.look(watch),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.stop.take_flush() && flushed.is_ok() {
                flushed = flush();
                if flushed.is_err() {
                    self.stop.request();
                }
            }
            self.answer(watch);
        }
        flushed
    }

    fn hear(&mut self, thread: usize, word: Word) {
        let Some(member) = self.threads.get_mut(thread) else { return };
        match word {
            Word::Status(progress, summary) => {
                member.latest = Some((progress, *summary));
                member.owes = false;
            }
            Word::Ended { all } => {
                (member.reads, member.owes) = (false, false);
                if all {
                    self.stop.request();
                }
            }
            Word::Drops => self.ask().drops = true,
            Word::Notice(notice, info) => {
                let (SourceNotice::Down { interface } | SourceNotice::Up { interface } | SourceNotice::Gone { interface }) =
                    notice;
                let given = member.notices.entry(interface).or_default();
                *given += 1;
                // All of them see the same, one a little before the other.
                let told = self.notices.entry(interface).or_default();
                if *given > *told {
                    *told = *given;
                    self.ask().notices.push((notice, info));
                }
            }
        }
    }

    fn look(&mut self, watch: &impl Watch) {
        if self.stop.take_status() {
            self.ask().status = true;
        }
        if watch.wants_progress() {
            self.ask();
        }
        if let Some(question) = &mut self.asked {
            question.looks += 1;
        }
    }

    /// Asks every thread how it is getting on, unless that was done.
    fn ask(&mut self) -> &mut Question {
        if self.asked.is_none() {
            for thread in self.threads.iter_mut().filter(|thread| thread.reads) {
                thread.owes = true;
                thread.stop.ask_status();
            }
        }
        self.asked.get_or_insert_default()
    }

    /// Tells what was asked, once all have answered.
    fn answer(&mut self, watch: &mut impl Watch) {
        let open = self.threads.iter().any(|thread| thread.owes);
        let Some(question) = self.asked.take_if(|question| !open || question.looks > PATIENCE) else { return };
        let latest = self.threads.iter().filter_map(|thread| thread.latest.as_ref());
        let progress = latest.clone().fold(Progress::default(), |sum, (one, _)| sums::progress(sum, *one));
        for (notice, info) in &question.notices {
            watch.on_notice(*notice, info, &progress);
        }
        let summary = sums::join(latest.map(|(_, summary)| summary));
        if question.status {
            watch.on_status(&progress, &summary);
        }
        if question.drops {
            let (drops, later) = (sums::drops(&progress, &summary), self.counted.elapsed());
            self.counted = Stopwatch::start();
            if self.drops.is_news(drops, later) {
                watch.on_drops(&drops);
            }
        }
        if watch.wants_progress() {
            watch.on_progress(&progress);
        }
    }
}

/// A thread's way to tell the caller's thread something.
pub(super) struct Post {
    me: usize,
    tell: Sender<(usize, Word)>,
}

impl Post {
    fn send(&self, word: Word) {
        // Nobody listens any more only when the run is over.
        let _ = self.tell.send((self.me, word));
    }
}

impl Watch for Post {
    fn wants_progress(&self) -> bool {
        false
    }

    fn on_progress(&mut self, _: &Progress) {}

    fn on_status(&mut self, progress: &Progress, summary: &RunSummary) {
        self.send(Word::Status(*progress, Box::new(summary.clone())));
    }

    fn on_drops(&mut self, _: &Drops) {
        self.send(Word::Drops);
    }

    fn on_notice(&mut self, notice: SourceNotice, info: &SourceInfo, _: &Progress) {
        self.send(Word::Notice(notice, Box::new(info.clone())));
    }
}

/// Says that its thread reads no more when it is dropped, also by a panic, which ends the run for all.
pub(super) struct Farewell {
    post: Post,
    pub(super) ends_all: bool,
}

impl Farewell {
    pub(super) fn new(post: &Post) -> Self {
        Self { post: Post { me: post.me, tell: post.tell.clone() }, ends_all: true }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.post.send(Word::Ended { all: self.ends_all });
    }
}
