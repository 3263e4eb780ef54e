//! Several threads with sources made here: what they find is what one thread finds, however badly the frames were shared out.

use super::super::share::Stage;
use super::super::share::datagrams::{Datagram, Inside};
use super::*;
use crate::capture::{Next, PacketSource, SourceNotice};
use crate::engine::Stop;
use crate::engine::run::{self, Progress};
use crate::flow::{EndReason, FlowId, FlowRecord};
use crate::model::{Frame, FrameMarks, IpProtocol, LinkType, LiveBackend, SourceInfo, SourceKind, SourceStats, Timestamp};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a source does when its frames are all read.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    End,
    /// As a quiet interface, until the gate is closed.
    Wait,
    Vanish,
}

struct Fake {
    info: SourceInfo,
    /// Time and bytes of each frame.
    frames: Vec<(i64, Vec<u8>)>,
    /// Packets dropped before each frame; none before those it lacks.
    dropped: Vec<u64>,
    notices: Vec<SourceNotice>,
    then: Then,
    read: usize,
    /// Frames of the threads in turn, each when the one before was worked on: their places in the order, and whose turn it is.
    turns: Option<(Vec<u64>, Arc<AtomicU64>)>,
}

impl PacketSource for Fake {
    fn next(&mut self) -> Result<Next<'_>, SourceError> {
        if let Some((places, turn)) = &self.turns {
            if let Some(before) = self.read.checked_sub(1) {
                turn.fetch_max(places[before] + 1, Ordering::AcqRel);
            }
            if places.get(self.read).is_some_and(|place| turn.load(Ordering::Acquire) < *place) {
                thread::yield_now();
                return Ok(Next::Idle);
            }
        }
        if let Some((ts, bytes)) = self.frames.get(self.read) {
            self.read += 1;
            return Ok(Next::Frame(Frame {
                number: self.read as u64,
                source: 0,
                interface: 0,
                ts: Timestamp::from_nanos(*ts),
                link: LinkType::RAW,
                wire_len: bytes.len() as u32,
                bytes,
                direction: None,
                options: None,
                marks: FrameMarks { dropped_before: self.dropped.get(self.read - 1).copied().unwrap_or(0), ..FrameMarks::NONE },
            }));
        }
        if let Some(notice) = self.notices.pop() {
            return Ok(Next::Notice(notice));
        }
        match self.then {
            Then::End => Ok(Next::End),
            Then::Wait => {
                thread::sleep(Duration::from_millis(1));
                Ok(Next::Idle)
            }
            Then::Vanish => {
                self.then = Then::End;
                Err(SourceError::InterfaceGone { interfaces: vec!["eth0".to_owned()] })
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn stats(&mut self) -> SourceStats {
        SourceStats {
            frames: self.read as u64,
            received: Some(self.frames.len() as u64),
            dropped_interface: Some(7),
            unread: Some((self.frames.len() - self.read) as u64),
            ..SourceStats::default()
        }
    }

    fn close_gate(&mut self) {
        self.then = Then::End;
    }

    fn skip_rest(&mut self) {}
}

fn source(frames: Vec<(i64, Vec<u8>)>, then: Then) -> Fake {
    let info = SourceInfo::new("eth0", SourceKind::Live(LiveBackend::Ring));
    Fake { info, frames, dropped: Vec::new(), notices: Vec::new(), then, read: 0, turns: None }
}

fn part(source: Fake) -> Part {
    (Input::live(Box::new(source)), Filter::everything())
}

/// Keeps the records.
#[derive(Default)]
struct Kept {
    flows: Vec<FlowRecord>,
    sources: u32,
    summaries: u32,
    /// Fails with this many records.
    most: Option<usize>,
}

impl Sink for Kept {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Flow(record) => self.flows.push((*record).clone()),
            Event::Source { .. } => self.sources += 1,
            Event::Summary(_) => self.summaries += 1,
            _ => {}
        }
        if self.most.is_some_and(|most| self.flows.len() > most) { Err(io::Error::other("full")) } else { Ok(Keep::Going) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what it is told; ends the run by Ctrl-C after a status line.
#[derive(Default)]
struct Looking {
    notices: Vec<SourceNotice>,
    status: Vec<(u64, Option<u64>, Option<u64>)>,
    end_after_status: Option<Stop>,
}

impl Watch for Looking {
    fn wants_progress(&self) -> bool {
        false
    }
    fn on_progress(&mut self, _: &Progress) {}
    fn on_status(&mut self, progress: &Progress, summary: &RunSummary) {
        let stats = summary.sources.first().expect("one source").stats;
        self.status.push((progress.read, stats.received, stats.dropped_interface));
        self.end_after_status.iter().for_each(Stop::request);
    }
    fn on_notice(&mut self, notice: SourceNotice, _: &SourceInfo, _: &Progress) {
        self.notices.push(notice);
    }
}

fn host(n: u8) -> IpAddr {
    IpAddr::from([10, 0, n / 16, n])
}

/// Conversations of all kinds, packet by packet in turn, a millisecond apart, and their bytes.
fn traffic() -> Vec<(i64, Vec<u8>)> {
    let mut rounds: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 4];
    for n in 0..60_u8 {
        let there = Datagram::new(host(n), host(200), Inside::Tcp(1000 + u16::from(n), 80));
        let udp = Datagram::new(host(n), host(201), Inside::Udp(2000 + u16::from(n), 53));
        let echo = Datagram::new(host(n), host(202), Inside::Echo);
        let tunnel = |inner: Datagram| Datagram::new(host(203), host(204), Inside::Gre(Box::new(inner)));
        let error = |about: &Datagram| Datagram::new(host(250), about.source, Inside::Error(Box::new(about.clone())));
        // About a conversation that is nowhere.
        let orphan = Datagram::new(host(n), host(205), Inside::Tcp(9, 9));
        rounds[0].extend([there.bytes(), udp.bytes(), echo.bytes(), tunnel(there.clone()).bytes()]);
        rounds[1].extend([there.reversed().bytes(), udp.reversed().bytes(), tunnel(there.reversed()).bytes()]);
        rounds[2].extend([error(&there).bytes(), error(&udp).bytes(), error(&orphan).bytes()]);
        rounds[3].extend([there.bytes(), echo.bytes(), udp.bytes()]);
        // Whole and in two pieces.
        let whole = Datagram::new(host(n), host(206), Inside::Udp(3000 + u16::from(n), 53)).bytes();
        let (mut first, mut last) = (whole[..36].to_vec(), [&whole[..20], &whole[36..]].concat());
        for (piece, length, word) in [(&mut first, 36, 0x2000_u16), (&mut last, whole.len() - 16, 2)] {
            piece[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            piece[4..6].copy_from_slice(&[3, n]);
            piece[6..8].copy_from_slice(&word.to_be_bytes());
        }
        rounds[0].push(whole);
        rounds[1].extend([first, last]);
    }
    (0..).map(|n| n * 1_000_000).zip(rounds.into_iter().flatten()).collect()
}

fn config() -> Config {
    Config { tracker: Some(TrackerConfig::default()), ..Config::default() }
}

/// What must be the same: everything but numbers, and the times of what only the error's second owner knows.
fn said(flows: &[FlowRecord]) -> Vec<String> {
    let mut said: Vec<String> = flows
        .iter()
        .map(|f| {
            let sides = [&f.orig, &f.resp].map(|side| (side.packets, side.wire_bytes, side.payload_bytes));
            let ends = (f.originator, f.responder, f.protocol, f.tunnel.is_some());
            let times = (f.protocol != IpProtocol::ICMP).then_some((f.start, f.end));
            format!("{ends:?} {sides:?} {times:?} {:?} {} {:?}", f.state, f.icmp_errors, f.end_reason)
        })
        .collect();
    said.sort_unstable();
    said
}

fn alone(frames: Vec<(i64, Vec<u8>)>) -> (Kept, RunSummary) {
    let mut kept = Kept::default();
    let mut input = Input::live(Box::new(source(frames, Then::End)));
    let ended = run::run(&mut input, Filter::everything(), config(), &mut kept, &mut Looking::default());
    (kept, ended.summary)
}

/// Frames dealt out to `threads` parts, each to one after the other, as no sensible kernel would.
fn dealt(frames: &[(i64, Vec<u8>)], threads: usize) -> Vec<Part> {
    let turn = Arc::new(AtomicU64::new(0));
    let of = |me| (0..).zip(frames).skip(me).step_by(threads).map(|(place, frame)| (place, frame.clone())).unzip();
    let each = (0..threads).map(|me| {
        let (places, own) = of(me);
        part(Fake { turns: Some((places, Arc::clone(&turn))), ..source(own, Then::End) })
    });
    each.collect()
}

#[test]
fn badly_shared_out_frames_give_the_conversations_of_one_thread() {
    let frames = traffic();
    let (one, summary) = alone(frames.clone());
    assert!(one.flows.len() > 250, "{}", one.flows.len());
    for threads in [1, 2, 5] {
        let mut kept = Kept::default();
        let mut parts = dealt(&frames, threads);
        let ended = run(&mut parts, Spread::seeded(threads as u32, 11), config(), &mut kept, &mut Looking::default());
        assert!(ended.failures.is_empty() && ended.output_error.is_none());
        assert_eq!((kept.sources, kept.summaries), (1, 1));
        assert_eq!(said(&kept.flows), said(&one.flows), "{threads} threads");
        let ids: BTreeSet<FlowId> = kept.flows.iter().map(|flow| flow.id).collect();
        assert_eq!(ids, one.flows.iter().map(|flow| flow.id).collect(), "numbers without a gap");
        let last: Vec<_> = kept.flows.iter().filter(|f| f.end_reason == Some(EndReason::EndOfCapture)).map(|f| f.start).collect();
        assert!(last.is_sorted(), "those that are left are told in order of their first packets");
        let all = ended.summary;
        let sums =
            |s: &RunSummary| (s.read, s.matched, s.wire_bytes, s.time, s.protocols.clone(), s.hosts, s.flows, s.fragments_lost);
        assert_eq!(sums(&all), sums(&summary));
        assert_eq!((all.threads, all.sources.len()), (threads, 1));
        let stats = all.sources[0].stats;
        assert_eq!((stats.frames, stats.received), (frames.len() as u64, Some(frames.len() as u64)));
        assert_eq!(stats.dropped_interface, Some(7), "the interface's own counter is one");
    }
}

#[test]
fn what_finds_no_room_with_the_right_thread_is_counted() {
    let spread = Spread::seeded(2, 1);
    let exchange = Exchange::new(spread, None, 0);
    let share = Share::new(0, Arc::clone(&exchange), true);
    let mut source = source(traffic(), Then::End);
    let (mut handed, mut kept) = (0, 0);
    while let Ok(Next::Frame(frame)) = source.next() {
        let packet = crate::decode::decode(&frame);
        let meta = crate::flow::PacketMeta {
            source: 0,
            number: frame.number,
            ts: frame.ts,
            wire_bytes: 0,
            frames: 1,
            marks: FrameMarks::NONE,
            interface: 0,
            pieces: None,
        };
        let send = || share.send(Stage::Decoded, &meta, &frame, &packet, true);
        if !send() {
            assert_eq!(exchange.misplaced(), 0, "it belongs here");
            continue;
        }
        // The other thread reads nothing.
        while send() {
            handed += 1;
        }
        kept += 1;
        break;
    }
    assert!(handed > 1000, "{handed}");
    assert_eq!(exchange.misplaced(), kept);
}

#[test]
fn live_losses_after_the_clock_was_set_back_are_told_of_the_flows_that_they_spoil() {
    let datagram = |n: u8| Datagram::new(host(n), host(200), Inside::Udp(2000 + u16::from(n), 53)).bytes();
    let at = |seconds: i64| seconds * 1_000_000_000;
    let frames = [(1_000_000, 1), (1_000_001, 1), (999_000, 2), (999_001, 2)].map(|(second, n)| (at(second), datagram(n)));
    let fake = Fake { dropped: vec![0, 7, 0, 5], ..source(frames.into(), Then::End) };
    let (mut input, mut kept) = (Input::live(Box::new(fake)), Kept::default());
    let config = Config { live: true, tracker: Some(TrackerConfig::default()), ..Config::default() };
    run::run(&mut input, Filter::everything(), config, &mut kept, &mut Looking::default());
    let drops: BTreeSet<_> = kept.flows.iter().map(|flow| (flow.start.nanos(), flow.capture_drops)).collect();
    // Nobody answers, so what was dropped later counts as well; of the second, that is both by their times.
    assert_eq!(drops, BTreeSet::from([(at(1_000_000), Some(7)), (at(999_000), Some(12))]));
}

#[test]
fn numbers_of_frames_are_given_once() {
    let frames = traffic();
    let exchange = Exchange::new(Spread::seeded(3, 1), None, 0);
    let given = AtomicU64::new(0);
    let numbers: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|me| {
                let (exchange, frames, given) = (Arc::clone(&exchange), &frames, &given);
                scope.spawn(move || {
                    let mut share = Share::new(me, exchange, false);
                    let mut source = source(frames.clone(), Then::End);
                    let mut numbers = Vec::new();
                    while let Ok(Next::Frame(mut frame)) = source.next() {
                        share.number(&mut frame);
                        numbers.push(frame.number);
                        if given.fetch_add(1, Ordering::Relaxed) % 100 == 0 {
                            share.pause();
                        }
                    }
                    assert!(numbers.is_sorted());
                    numbers
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let different: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), different.len()), (3 * frames.len(), 3 * frames.len()));
    assert_eq!(different.first(), Some(&1));
}

#[test]
fn a_limit_is_of_all_threads_together() {
    let frames = traffic();
    for limit in [1, 10, 333] {
        let of = |me| frames.iter().skip(me).step_by(4).cloned().collect();
        let mut parts: Vec<Part> = (0..4).map(|me| part(source(of(me), Then::Wait))).collect();
        let config = Config { limit: Some(limit), live: true, ..config() };
        let ended = run(&mut parts, Spread::seeded(4, 5), config, &mut Kept::default(), &mut Looking::default());
        assert_eq!((ended.summary.matched, ended.summary.read), (limit, limit));
        let stats = ended.summary.sources[0].stats;
        assert_eq!(stats.frames, limit);
        assert_eq!(stats.frames + stats.unread.unwrap_or(0), frames.len() as u64);
    }
}

#[test]
fn a_thread_whose_source_fails_ends_the_run_and_it_is_said_once() {
    let mut parts: Vec<Part> = [Then::Wait, Then::Vanish, Then::Vanish].map(|then| part(source(traffic(), then))).into();
    let mut kept = Kept::default();
    let config = Config { live: true, ..config() };
    let ended = run(&mut parts, Spread::seeded(3, 5), config, &mut kept, &mut Looking::default());
    assert_eq!(ended.failures.len(), 1);
    assert!(ended.summary.sources[0].problem.is_some());
    assert_eq!(ended.summary.read, 3 * traffic().len() as u64, "what was there was read");
}

#[test]
fn an_output_that_fails_ends_the_run() {
    let mut parts: Vec<Part> = [Then::Wait, Then::Wait].map(|then| part(source(traffic(), then))).into();
    let mut kept = Kept { most: Some(3), ..Kept::default() };
    // So few flows that records come from the start.
    let tracker = TrackerConfig { max_flows: 8, ..TrackerConfig::default() };
    let config = Config { live: true, tracker: Some(tracker), ..Config::default() };
    let ended = run(&mut parts, Spread::seeded(2, 5), config, &mut kept, &mut Looking::default());
    assert_eq!(ended.output_error.map(|error| error.to_string()).as_deref(), Some("full"));
    assert_eq!(kept.summaries, 0);
}

#[test]
fn the_bound_on_flows_is_of_all_threads_together() {
    let tracker = TrackerConfig { max_flows: 50, ..TrackerConfig::default() };
    let config = Config { tracker: Some(tracker), ..Config::default() };
    let (frames, mut kept) = (traffic(), Kept::default());
    let ended = run(&mut dealt(&frames, 4), Spread::seeded(4, 2), config, &mut kept, &mut Looking::default());
    let left = kept.flows.iter().filter(|flow| flow.end_reason == Some(EndReason::EndOfCapture)).count();
    // Each thread may be about to begin one.
    assert!((40..=54).contains(&left), "{left}");
    assert!(ended.summary.evicted > 100, "{}", ended.summary.evicted);
}

#[test]
fn notices_are_told_once_and_a_status_is_of_all() {
    let stop = Stop::default();
    let parts = (0..3).map(|_| {
        let mut source = source(traffic(), Then::Wait);
        // Taken from the end.
        source.notices = vec![SourceNotice::Up { interface: 0 }, SourceNotice::Down { interface: 0 }];
        part(source)
    });
    let config = Config { live: true, stop: stop.clone(), ..config() };
    let mut looking = Looking { end_after_status: Some(stop.clone()), ..Looking::default() };
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            // The question comes when all are quiet.
            thread::sleep(Duration::from_millis(300));
            stop.ask_status();
        });
        run(&mut parts.collect::<Vec<_>>(), Spread::seeded(3, 5), config, &mut Kept::default(), &mut looking)
    });
    assert!(ended.failures.is_empty());
    assert_eq!(looking.notices, [SourceNotice::Down { interface: 0 }, SourceNotice::Up { interface: 0 }]);
    let all = 3 * traffic().len() as u64;
    assert_eq!(looking.status, [(all, Some(all), Some(7))]);
}
