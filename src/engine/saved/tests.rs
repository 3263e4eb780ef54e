//! How threads wait for each other: never all at once, however much one of them tells and however little comes.

use super::Reading;
use super::batch::Progress;
use super::merge::{Desk, Key, Told, merge};
use super::peers::Answers;
use crate::event::{Event, Keep, Sink};
use crate::flow::{Common, FlowKind};
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

/// Says when it is to hand on what there is; fails where nobody listens.
struct Flushed(Sender<()>);

impl Sink for Flushed {
    fn on_event(&mut self, _: &Event<'_>) -> io::Result<Keep> {
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.send(()).map_err(io::Error::other)
    }
}

/// Long enough for any machine: who has not come by then waits for good.
const LONG: Duration = Duration::from_secs(100);

#[test]
fn a_source_may_be_silent_for_as_long_as_it_likes() {
    let desk = Desk::new(2, 0);
    let (told, flushed) = channel();
    thread::scope(|scope| {
        let merged = scope.spawn(|| merge(&desk, &Common::crowd(), 10, &mut Flushed(told)));
        // Each time that it is idle, which is ten times a second; no frame between them moves any mark.
        let idle = scope.spawn(|| (0..3000).try_for_each(|_| Reading { desk: &desk }.flush()));
        let handed_on = flushed.recv_timeout(LONG);
        let answered = (0..1200).any(|_| {
            thread::sleep(LONG / 1200);
            idle.is_finished()
        });
        if !answered {
            desk.quit();
        }
        assert!(answered && handed_on.is_ok(), "{answered} {handed_on:?}");
        for of in 0..3 {
            desk.close(of);
        }
        assert!(merged.join().expect("no panic").is_ok());
    });
}

#[test]
fn the_reading_thread_learns_that_the_output_has_failed() {
    let desk = Desk::new(2, 0);
    let (told, flushed) = channel();
    drop(flushed);
    thread::scope(|scope| {
        let merged = scope.spawn(|| merge(&desk, &Common::crowd(), 10, &mut Flushed(told)));
        let mut reading = Reading { desk: &desk };
        assert_eq!(reading.on_event(&Event::Drained).ok(), Some(Keep::Going));
        assert!(reading.flush().is_ok());
        assert!(merged.join().expect("no panic").is_err());
        assert_eq!(reading.on_event(&Event::Drained).ok(), Some(Keep::Enough));
    });
}

#[test]
fn what_one_tells_while_another_waits_for_it_at_the_same_frame_has_room() {
    let desk = Desk::new(2, 0);
    let (told, _flushed) = channel();
    let (answer, answered) = channel();
    thread::scope(|scope| {
        let desk = &desk;
        let merged = scope.spawn(move || merge(desk, &Common::crowd(), 1_000_000, &mut Flushed(told)));
        desk.mark(0, Key::own(5));
        desk.mark(1, Key::own(5));
        desk.mark(2, Key::source(6));
        scope.spawn(move || {
            for _ in 0..10_000 {
                desk.tell(1, Key::own(5), Told::Begun(FlowKind::Tcp));
            }
            answer.send(()).expect("awaited");
            desk.close(1);
        });
        let came = answered.recv_timeout(LONG);
        if came.is_err() {
            desk.quit();
        }
        assert!(came.is_ok(), "the first thread waits for the second, that for room, and nobody makes any");
        desk.close(0);
        desk.close(2);
        assert!(merged.join().expect("no panic").is_ok());
    });
    assert_eq!(desk.flows(), 10_000);
}

#[test]
fn an_answer_that_never_comes_is_done_without() {
    let mut all = Answers::new(2);
    let (mut asks, answers) = (all.remove(0), all.remove(0));
    answers.tell(0, 3, true);
    answers.tell(0, 7, true);
    answers.tell(0, 9, true);
    let not_yet = || false;
    // What was never asked is left out; what is asked later is kept.
    assert_eq!(asks.wait(1, 7, not_yet), Some(true));
    assert_eq!(asks.wait(1, 8, not_yet), None);
    assert_eq!(asks.wait(1, 9, not_yet), Some(true));
    assert_eq!(asks.wait(1, 10, || true), None, "it is past that frame");
    drop(answers);
    assert_eq!(asks.wait(1, 11, not_yet), None, "it has ended");
}

#[test]
fn who_waits_for_the_slowest_is_woken_when_it_comes() {
    let progress = Progress::new(3);
    progress.set(0, 50);
    progress.set(1, 100);
    thread::scope(|scope| {
        let waits = |of: usize, at: u64| {
            let progress = &progress;
            scope.spawn(move || {
                while progress.slowest_beside(of) < at {
                    progress.wait(of, at);
                }
            })
        };
        let waiting = [waits(0, 50), waits(1, 40)];
        for at in 0..=60 {
            progress.set(2, at);
        }
        for waits in waiting {
            waits.join().expect("no panic");
        }
    });
    assert_eq!(progress.slowest_beside(2), 50);
}
