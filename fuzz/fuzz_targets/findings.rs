//! Any bytes, read as a capture file, followed as conversations with all that is ever worked out of them, looked through for findings, which are
//! written out: no panic, and as many packets in records as were given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::capture::file::{FileSource, OpenOptions};
use sockeye::capture::{Next, PacketSource};
use sockeye::decode::decode;
use sockeye::engine::Detecting;
use sockeye::event::{Event, RunSummary, Sink};
use sockeye::flow::{FlowEvent, PacketMeta, Tracker, TrackerConfig, Wants};
use sockeye::output::findings::{FindingsConfig, FindingsSink};
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    let options = OpenOptions { allow_unknown_link: true, buffer: 4096, ..OpenOptions::default() };
    let Ok(mut source) = FileSource::from_reader(Cursor::new(data.to_vec()), "fuzz", &options) else { return };
    let wants = Wants { streams: true, cited: true, ..Wants::ALL };
    let mut tracker = Tracker::new(TrackerConfig { max_flows: 100, wants, ..TrackerConfig::default() });
    let config = FindingsConfig { verbose: true, ..FindingsConfig::default() };
    let mut findings = Detecting::new(FindingsSink::new(Vec::new(), config), 1 << 20);
    let mut tell = |event: FlowEvent<'_>| {
        let told = match event {
            FlowEvent::Ended(record) => findings.on_event(&Event::Flow(record)),
            FlowEvent::Neighbour(said) => findings.on_event(&Event::Neighbour(said)),
            _ => return,
        };
        told.expect("a Vec takes all");
    };
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => {
                let meta = PacketMeta {
                    source: frame.source,
                    interface: frame.interface,
                    number: frame.number,
                    ts: frame.ts,
                    wire_bytes: u64::from(frame.wire_len),
                    frames: 1,
                    marks: frame.marks,
                    pieces: None,
                };
                tracker.on_packet(&meta, &decode(&frame), &mut tell);
            }
            Ok(Next::Changed(_)) => {}
            _ => break,
        }
    }
    tracker.finish(&mut tell);
    findings.on_event(&Event::Summary(&RunSummary::default())).expect("a Vec takes all");
});
