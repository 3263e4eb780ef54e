//! Shows what each side of every TCP connection of a capture said, put together from its segments: bytes in order, and what is
//! missing of them.
//!
//! ```text
//! cargo run --example streams -- captures/http-get.pcap
//! ```

use sockeye::capture::file::OpenOptions;
use sockeye::capture::{Input, Next};
use sockeye::decode::decode;
use sockeye::flow::{FlowEvent, PacketMeta, StreamEvent, StreamPart, Tracker, TrackerConfig, Wants};
use std::error::Error;
use std::io::{self, Write};

/// Of each piece so many bytes are shown.
const SHOWN: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let mut input = Input::open(&files, &OpenOptions::default())?;
    let wants = Wants { streams: true, ..Wants::default() };
    let mut tracker = Tracker::new(TrackerConfig { wants, ..TrackerConfig::default() });
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let mut on_event = |event: FlowEvent<'_>| {
        if let FlowEvent::Stream(event) = event
            && written.is_ok()
        {
            written = show(&mut out, event);
        }
    };
    loop {
        match input.next()? {
            Next::Frame(frame) => {
                let (source, number, ts) = (frame.source, frame.number, frame.ts);
                let wire_bytes = u64::from(frame.wire_len);
                let meta = PacketMeta {
                    source,
                    number,
                    ts,
                    wire_bytes,
                    frames: 1,
                    marks: sockeye::model::FrameMarks::NONE,
                    interface: 0,
                    pieces: None,
                };
                tracker.on_packet(&meta, &decode(&frame), &mut on_event);
            }
            Next::End => break,
            _ => {}
        }
    }
    tracker.finish(&mut on_event);
    written?;
    out.flush()?;
    Ok(())
}

fn show(out: &mut impl Write, event: &StreamEvent<'_>) -> io::Result<()> {
    write!(out, "{} {:15} ", event.flow, event.sender.to_string())?;
    match event.part {
        StreamPart::Data { offset, bytes, packet } => {
            let shown = &bytes[..bytes.len().min(SHOWN)];
            writeln!(out, "{offset:>6} {:>5} bytes of packet {}: {}", bytes.len(), packet.number, shown.escape_ascii())
        }
        StreamPart::Gap { offset, len, reason } => writeln!(out, "{offset:>6} {len:>5} bytes are missing: {reason:?}"),
        StreamPart::Conflict { offset, bytes, packet, .. } => {
            let shown = &bytes[..bytes.len().min(SHOWN)];
            writeln!(out, "{offset:>6} packet {} says something else: {}", packet.number, shown.escape_ascii())
        }
        StreamPart::End(totals) => {
            writeln!(out, "{:>6} end: {} bytes missing, {} sent again", totals.bytes, totals.gap_bytes, totals.repeated)
        }
    }
}
