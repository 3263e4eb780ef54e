//! Nanoseconds a packet for reading capture files: from memory, from a file in the page cache, compressed, and several
//! merged. Packets have 100 to 196 bytes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sockeye::capture::file::{FileSource, OpenOptions};
use sockeye::capture::{Input, Next, PacketSource};
use sockeye::model::{FileFormat, Frame, InterfaceInfo, LinkType, Timestamp};
use sockeye::pcapfile::{Format, Reader, Step, write};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};

const PACKETS: u64 = 200_000;

/// A capture of [`PACKETS`] packets of 100 to 196 bytes.
fn capture(format: FileFormat) -> Vec<u8> {
    let mut out = Vec::new();
    let data: Vec<u8> = (0..=255).collect();
    match format {
        FileFormat::Pcap { nanoseconds } => write::pcap_header(&mut out, nanoseconds, 262_144, LinkType::ETHERNET, None),
        FileFormat::PcapNg => {
            write::section_header(&mut out, &write::SectionInfo::default());
            write::interface(&mut out, &InterfaceInfo::default(), LinkType::ETHERNET, false);
        }
    }
    for i in 0..PACKETS {
        let len = 100 + (i * 7919 % 97) as usize;
        let frame = Frame {
            number: i,
            source: 0,
            interface: 0,
            ts: Timestamp::from_nanos(1_700_000_000_000_000_000 + i as i64 * 1000),
            link: LinkType::ETHERNET,
            wire_len: len as u32,
            bytes: &data[..len],
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        };
        match format {
            FileFormat::Pcap { nanoseconds } => assert!(write::pcap_record(&mut out, nanoseconds, &frame)),
            FileFormat::PcapNg => write::packet(&mut out, 0, false, &frame),
        }
    }
    out
}

/// Walks over a capture in memory; touches each frame's first and last byte.
fn walk(bytes: &[u8]) -> u64 {
    let mut reader = Reader::new(Format::sniff(bytes).expect("a capture"), "bench");
    let (mut at, mut sum) = (0, 0);
    while at < bytes.len() {
        match reader.step(&bytes[at..]).expect("a good file") {
            Step::Packet(packet) => {
                let frame = packet.frame(&bytes[at..]);
                sum += u64::from(frame[12]) + u64::from(frame[frame.len() - 1]) + packet.ts.nanos() as u64 % 2;
                at += packet.used as usize;
            }
            Step::Other { used } => at += used,
            Step::Need { .. } => break,
        }
    }
    assert_eq!(reader.packets(), PACKETS);
    sum
}

fn touch(frame: &Frame<'_>) -> u64 {
    u64::from(frame.bytes[12]) + u64::from(frame.bytes[frame.bytes.len() - 1])
}

fn drain(path: &Path) -> u64 {
    let mut source: FileSource = sockeye::capture::file::open(path, &OpenOptions::default()).expect("a capture");
    let mut sum = 0;
    loop {
        match source.next().expect("a good file") {
            Next::Frame(frame) => sum += touch(&frame),
            Next::End => return sum,
            _ => {}
        }
    }
}

fn merge(paths: &[PathBuf]) -> u64 {
    let mut input = Input::open(paths, &OpenOptions::default()).expect("captures");
    let mut sum = 0;
    loop {
        match input.next().expect("good files") {
            Next::Frame(frame) => sum += touch(&frame),
            Next::End => return sum,
            _ => {}
        }
    }
}

fn read(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(PACKETS)).sample_size(20);
    for (name, format) in [("pcap", FileFormat::Pcap { nanoseconds: true }), ("pcapng", FileFormat::PcapNg)] {
        let bytes = capture(format);
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).expect("room for a file");
        group.bench_function(BenchmarkId::new("memory", name), |b| b.iter(|| black_box(walk(&bytes))));
        group.bench_function(BenchmarkId::new("file", name), |b| b.iter(|| black_box(drain(&path))));
        let packed = folder.path().join(format!("{name}.gz"));
        let file = std::fs::File::create(&packed).expect("room for a file");
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(&bytes).and_then(|()| encoder.finish()).expect("room for a file");
        group.bench_function(BenchmarkId::new("gzip", name), |b| b.iter(|| black_box(drain(&packed))));
    }
    for files in [2, 16] {
        let paths = vec![folder.path().join("pcap"); files];
        group.throughput(Throughput::Elements(PACKETS * files as u64)).sample_size(10);
        group.bench_function(BenchmarkId::new("merged", files), |b| b.iter(|| black_box(merge(&paths))));
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
