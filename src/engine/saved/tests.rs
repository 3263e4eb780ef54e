//! How threads wait for each other: never all at once, however much one of them tells and however little comes. And that what is looked
//! for ahead is what is needed: it decides nothing, so that no output shows where it is not.

use super::batch::{Dealer, Progress, WAITING};
use super::merge::{Desk, Key, Told, merge};
use super::peers::Answers;
use super::place::Threads;
use super::worker::{Shared, Worker};
use super::{Config, Reading, Run};
use crate::capture::file::OpenOptions;
use crate::capture::{Input, SourceNotice};
use crate::decode::fragment::{FragmentLimits, FragmentPool};
use crate::engine::drops::Drops;
use crate::engine::run::{Progress as HowFar, Watch};
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::filter::Filter;
use crate::flow::{Common, FlowKind, TrackerConfig};
use crate::model::SourceInfo;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel, sync_channel};
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
        let merged = scope.spawn(|| merge(&desk, &Common::crowd(), 10, None, &mut Flushed(told)));
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
        let merged = scope.spawn(|| merge(&desk, &Common::crowd(), 10, None, &mut Flushed(told)));
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
        let merged = scope.spawn(move || merge(desk, &Common::crowd(), 1_000_000, None, &mut Flushed(told)));
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

/// Nobody listens, nobody looks on.
struct Nobody;

impl Sink for Nobody {
    fn on_event(&mut self, _: &Event<'_>) -> io::Result<Keep> {
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Watch for Nobody {
    fn wants_progress(&self) -> bool {
        false
    }
    fn on_progress(&mut self, _: &HowFar) {}
    fn on_status(&mut self, _: &HowFar, _: &RunSummary) {}
    fn on_notice(&mut self, _: SourceNotice, _: &SourceInfo, _: &HowFar) {}
    fn on_drops(&mut self, _: &Drops) {}
}

/// A capture of 3,000 conversations at a time, 24 packets each both ways, in no order: UDP and TCP, IPv4 and IPv6, some in a VLAN.
fn mixed(path: &Path) {
    const FLOWS: u64 = 3000;
    let mut file = io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    let mut write = |bytes: &[u8]| file.write_all(bytes).expect("written");
    write(&[0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat());
    let mut random = 7_u64;
    for nth in 0..24 * FLOWS {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        // All once, then any.
        let flow = if nth < FLOWS { nth } else { (random >> 33) % FLOWS };
        let (v6, tcp, back) = (flow % 4 == 0, flow % 3 != 0, random >> 60 > 7);
        let mut frame = vec![2; 12];
        frame.extend_from_slice(if flow % 10 == 0 { &[0x81, 0, 0, 7] } else { &[] });
        let address = |server: bool| {
            let host = if server { [10, 0, 0, flow as u8] } else { [10, 1, (flow >> 8) as u8, flow as u8] };
            [&[0x20; 12][..if v6 { 12 } else { 0 }], &host].concat()
        };
        let transport = if tcp { 20_u8 } else { 8 };
        if v6 {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, transport, if tcp { 6 } else { 17 }, 64]);
        } else {
            frame.extend([8, 0, 0x45, 0, 0, 20 + transport, 0, 1, 0, 0, 64, if tcp { 6 } else { 17 }, 0, 0]);
        }
        frame.extend([address(back), address(!back)].concat());
        let ports = [40_000 + flow as u16, 443];
        frame.extend([ports[usize::from(back)], ports[usize::from(!back)]].map(u16::to_be_bytes).concat());
        frame.extend_from_slice(if tcp { &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 9, 9, 0, 0, 0, 0] } else { &[0, 8, 0, 0] });
        let (micros, length) = (nth as u32 * 10, frame.len() as u32);
        write(&[1_700_000_000 + micros / 1_000_000, micros % 1_000_000, length, length].map(u32::to_le_bytes).concat());
        write(&frame);
    }
    file.flush().expect("written");
}

#[test]
fn the_flow_found_ahead_is_nearly_always_that_of_the_packet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mixed.pcap");
    mixed(&path);
    let open = || Input::open(&[&path], &OpenOptions::default()).expect("a capture");
    let tracker = TrackerConfig::default();

    let mut one = Run::new(Filter::everything(), Config { tracker: Some(tracker), ..Config::default() }, true);
    one.read(&mut open(), &mut Nobody, &mut Nobody).expect("read");
    let one = one.pipeline.tracker.expect("a tracker").found_ahead();

    let (desk, common, progress) = (Arc::new(Desk::new(2, 0)), Common::crowd(), Arc::new(Progress::new(2)));
    let shared = Shared { threads: Threads::new(2), desk: Arc::clone(&desk), progress, common };
    let (to, work): (Vec<_>, Vec<_>) = (0..2).map(|_| sync_channel(WAITING)).unzip();
    let parts = thread::scope(|scope| {
        let (shared, desk) = (&shared, &desk);
        let merged = scope.spawn(move || merge(desk, &shared.common, tracker.max_flows, None, &mut Nobody));
        let following = work.into_iter().zip(Answers::new(2)).enumerate().map(|(me, (work, answers))| {
            let worker = Worker::new(me, shared, tracker, FragmentPool::new(FragmentLimits::default()), answers);
            scope.spawn(move || worker.run(&work).tracker.found_ahead())
        });
        let following: Vec<_> = following.collect();
        let mut reader = Run::new(Filter::everything(), Config::default(), true);
        reader.pipeline.dealer = Some(Dealer::new(shared.threads, to, Arc::clone(desk)));
        reader.read(&mut open(), &mut Reading { desk }, &mut Nobody).expect("read");
        reader.pipeline.dealer.take().expect("there").end(Vec::new());
        desk.close(2);
        let parts: Vec<_> = following.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        merged.join().expect("no panic").expect("told");
        parts
    });
    // A 24th are the first of their flows, and some come before there are so many flows that it is worth the trouble.
    assert!(one > 0.9 && parts.iter().all(|&share| share > 0.9), "{one} {parts:?}");
}
