//! Any bytes, read as a capture file: packets or one clear error, never a panic, a loop or memory without bound. Then what
//! was read is written as pcapng and read again, and must be the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::capture::file::{FileSource, OpenOptions};
use sockeye::capture::{Next, PacketSource};
use sockeye::model::{Frame, InterfaceInfo};
use sockeye::pcapfile::write;
use std::io::Cursor;

fn open(bytes: Vec<u8>) -> Option<FileSource> {
    let options = OpenOptions { allow_unknown_link: true, buffer: 4096, ..OpenOptions::default() };
    FileSource::from_reader(Cursor::new(bytes), "fuzz", &options).ok()
}

/// Calls `each` for every frame; ends at the end or at the first error.
fn frames(source: &mut FileSource, mut each: impl FnMut(&Frame<'_>)) {
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => each(&frame),
            Ok(Next::Changed(_)) => {}
            _ => return,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(mut source) = open(data.to_vec()) else { return };
    let mut written = Vec::new();
    write::section_header(&mut written, &write::SectionInfo::default());
    let mut count = 0_u32;
    let mut seen = Vec::new();
    frames(&mut source, |frame| {
        // An interface for each frame: they may differ in link type.
        let early = frame.ts.nanos() < 0;
        write::interface(&mut written, &InterfaceInfo::default(), frame.link, early);
        write::packet(&mut written, count, early, frame);
        seen.push((frame.ts, frame.wire_len, frame.link, frame.bytes.to_vec(), frame.direction));
        count += 1;
    });
    let Some(mut copy) = open(written) else { return assert!(seen.is_empty()) };
    let mut seen = seen.into_iter();
    frames(&mut copy, |frame| {
        let again = (frame.ts, frame.wire_len, frame.link, frame.bytes.to_vec(), frame.direction);
        assert_eq!(seen.next(), Some(again));
    });
    assert!(count > 65_536 || seen.next().is_none());
});
