//! What each stage adds to a packet's cost, on everyday traffic in memory: each row does all that the rows before it do, unless its name
//! says otherwise. 100,000 packets, 2,000 conversations under way at a time.
//!
//! `cargo bench --bench stages`; one row: `cargo bench --bench stages -- table`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sockeye::decode::{Packet, decode};
use sockeye::event::{Event, Sink};
use sockeye::flow::key::{Ends, KeyMaker};
use sockeye::flow::{FlowEvent, Note, PacketMeta, Tracker, TrackerConfig, Wants};
use sockeye::model::{Frame, FrameMarks, LinkType};
use sockeye::output::line::{LineOptions, LinePrinter};
use sockeye::output::{FlowRowsSink, Records, Separated};
use sockeye::pcapfile::{Format, Reader, Step};
use std::hint::black_box;

#[expect(dead_code, reason = "attacks, which use the rest, are not wanted here")]
#[path = "traffic"]
mod traffic {
    pub(crate) mod capture;
    pub(crate) mod mix;
    mod random;
    mod tcp;
    mod wire;
}

const PACKETS: u64 = 100_000;

/// The traffic as a capture file.
fn capture() -> Vec<u8> {
    let mut capture = traffic::capture::Capture::new(Vec::new(), 262_144, PACKETS).expect("room in memory");
    let mix = traffic::mix::Mix { open: 2000, ipv6: 25, vlan: 10, loss: 5000, reordering: 2000, seed: 1 };
    traffic::mix::write(&mix, &mut capture);
    capture.finish().expect("room in memory").0
}

/// Reads all frames of a capture in memory.
fn read(bytes: &[u8], mut each: impl FnMut(&Frame<'_>)) {
    let mut reader = Reader::new(Format::sniff(bytes).expect("a capture"), "bench");
    let (mut at, mut number) = (0, 0);
    while at < bytes.len() {
        match reader.step(&bytes[at..]).expect("a good file") {
            Step::Packet(packet) => {
                number += 1;
                let bytes = packet.frame(&bytes[at..]);
                at += packet.used as usize;
                each(&Frame {
                    number,
                    source: 0,
                    interface: 0,
                    ts: packet.ts,
                    link: LinkType::ETHERNET,
                    wire_len: bytes.len() as u32,
                    bytes,
                    direction: None,
                    options: None,
                    marks: FrameMarks::NONE,
                });
            }
            Step::Other { used } => at += used,
            Step::Need { .. } => break,
        }
    }
    assert_eq!(number, PACKETS);
}

/// Reads, decodes and tracks all frames; at the end all flows end.
fn track(bytes: &[u8], wants: Wants, mut sink: impl FnMut(FlowEvent<'_>), mut each: impl FnMut(&Frame<'_>, &Packet<'_>, &Note)) {
    let mut tracker = Tracker::new(TrackerConfig { wants, handshake_events: false, ..TrackerConfig::default() });
    read(bytes, |frame| {
        let packet = decode(frame);
        let meta = PacketMeta {
            source: 0,
            number: frame.number,
            ts: frame.ts,
            wire_bytes: u64::from(frame.wire_len),
            frames: 1,
            marks: FrameMarks::NONE,
            interface: 0,
            pieces: None,
        };
        let note = tracker.on_packet(&meta, &packet, &mut sink);
        each(frame, &packet, &note);
    });
    tracker.finish(&mut sink);
}

fn nothing(_: &Frame<'_>, _: &Packet<'_>, note: &Note) {
    black_box(note);
}

fn dropped(event: FlowEvent<'_>) {
    black_box(&event);
}

fn stages(c: &mut Criterion) {
    let bytes = capture();
    let mut group = c.benchmark_group("stages");
    group.throughput(Throughput::Elements(PACKETS)).sample_size(20);
    group.bench_function("1 reader", |b| b.iter(|| read(&bytes, |frame| _ = black_box(frame.bytes.first()))));
    group.bench_function("2 decode", |b| b.iter(|| read(&bytes, |frame| _ = black_box(decode(frame)))));
    let maker = KeyMaker::default();
    group.bench_function("3 key and its hash, not kept", |b| {
        b.iter(|| {
            read(&bytes, |frame| {
                if let Some(ends) = Ends::of(&decode(frame)) {
                    let (key, _) = ends.key([0; 2], 0);
                    black_box(maker.hash(&key));
                }
            });
        });
    });
    for (name, wants) in [
        ("4 table: conversations alone", Wants::NONE),
        ("5 tcp: verdicts", Wants::VERDICTS),
        ("5 tcp: tcptrace's measures", Wants::MEASURES),
        ("5 tcp: Zeek's words", Wants::ZEEK),
        ("5 tcp: all but labels", Wants { labels: false, ..Wants::ALL }),
    ] {
        group.bench_function(name, |b| b.iter(|| track(&bytes, wants, dropped, nothing)));
    }
    let mut printer = LinePrinter::new(LineOptions { plain: true, ..LineOptions::default() });
    let mut text = Vec::new();
    group.bench_function("6 line as tcpdump's, after 2", |b| {
        let note = Note::default();
        b.iter(|| {
            read(&bytes, |frame| {
                text.clear();
                printer.write(&mut text, frame, &decode(frame), &note);
                black_box(&text);
            });
        });
    });
    let mut printer = LinePrinter::new(LineOptions::default());
    group.bench_function("7 line with verdicts, after 5", |b| {
        b.iter(|| {
            track(&bytes, Wants::VERDICTS, dropped, |frame, packet, note| {
                text.clear();
                printer.write(&mut text, frame, packet, note);
                black_box(&text);
            });
        });
    });
    group.bench_function("8 records as CSV, all fields, after 5", |b| {
        b.iter(|| {
            let mut rows = FlowRowsSink::new(Vec::new(), Separated::Csv, Records::Flows, &[]).expect("all fields");
            let wants = Wants { labels: false, ..Wants::ALL };
            let tell = |event: FlowEvent<'_>| {
                if let FlowEvent::Ended(record) = event {
                    rows.on_event(&Event::Flow(record)).expect("room in memory");
                }
            };
            track(&bytes, wants, tell, nothing);
            black_box(rows.into_inner().expect("room in memory"));
        });
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
