//! Writing: what a copy keeps, what is refused, and what is safe when a write fails.

use crate::made::{BIG, Kept, LITTLE, drain, everything, open, read};
use sockeye::capture::PacketSource;
use sockeye::capture::file::{self, FileSource, OpenOptions};
use sockeye::capture::{Input, Next};
use sockeye::model::{FileFormat, Frame, InterfaceInfo, LinkType, SourceInfo, SourceKind, SourceStats, Timestamp};
use sockeye::output::pcap::{PcapConfig, PcapWriter, Rotation, WriteError, format_of_name, needs_nanoseconds};
use sockeye::pcapfile::write::SectionInfo;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const MICROS: FileFormat = FileFormat::Pcap { nanoseconds: false };
const NANOS: FileFormat = FileFormat::Pcap { nanoseconds: true };

fn config(format: FileFormat) -> PcapConfig {
    let section = SectionInfo { application: Some("the test".to_owned()), ..SectionInfo::default() };
    PcapConfig { section, ..PcapConfig::new(format) }
}

fn frame(nanos: i64, link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::from_nanos(nanos),
        link,
        wire_len: 1500,
        bytes,
        direction: None,
        options: None,
        marks: sockeye::model::FrameMarks::NONE,
    }
}

/// Copies everything that an input has into a file.
fn copy(input: &mut Input, path: &Path, config: &PcapConfig) -> Result<(), WriteError> {
    let mut writer = PcapWriter::create(path, config)?;
    for (i, info) in (0..).zip(input.infos()) {
        writer.source(i, info);
    }
    loop {
        let changed = match input.next().expect("good input") {
            Next::Frame(frame) => {
                writer.write(&frame)?;
                continue;
            }
            Next::Changed(i) => i,
            _ => break,
        };
        writer.source(changed, input.info(changed).expect("a source that changed"));
    }
    for i in 0..input.sources() as u16 {
        let stats = input.stats(i).unwrap_or_default();
        writer.count(i, input.info(i).expect("a source"), &stats);
    }
    writer.finish().map(|_| ())
}

fn input(bytes: &[u8]) -> Input {
    Input::files(vec![open(bytes).unwrap()]).unwrap()
}

#[test]
fn a_copy_of_a_pcapng_file_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.pcapng");
    copy(&mut input(&everything()), &path, &config(FileFormat::PcapNg)).unwrap();

    let (before, old) = read(&everything());
    let (mut after, new) = read(&std::fs::read(&path).unwrap());
    // Options of the big-endian section are little-endian now: compared as values below.
    for frame in &mut after {
        frame.options.clear();
    }
    let mut expected = before.clone();
    for frame in &mut expected {
        frame.options.clear();
    }
    assert_eq!(after, expected);
    let (old, new) = (old.info(), new.info());
    assert_eq!(new.interfaces.len(), old.interfaces.len());
    for (a, b) in old.interfaces.iter().zip(&new.interfaces) {
        assert_eq!((&a.name, a.link, a.snaplen, a.counters), (&b.name, b.link, b.snaplen, b.counters));
        assert_eq!(b.ticks_per_second, Some(1_000_000_000));
    }
    assert_eq!(new.interfaces[1].other.bytes, LITTLE.option(6, &[2, 0, 0, 0, 0, 1]));
    assert_eq!(new.interfaces[3].other.bytes, LITTLE.option(6, &[2, 0, 0, 0, 0, 1]));
    assert_eq!((&new.notes.names, &new.notes.secrets, &new.notes.os), (&old.notes.names, &old.notes.secrets, &old.notes.os));
    assert_eq!(new.notes.comments, ["a section", "a section"], "the second section's stands in a block of its own");
    assert_eq!(new.notes.application.as_deref(), Some("the test"));
    let text = std::fs::read(&path).unwrap();
    assert_eq!(text.windows(9).filter(|w| w == b"a section").count(), 2);

    let first = &read(&text).0[0].options;
    assert_eq!(*first, before[0].options);
    let fifth = &read(&text).0[4].options;
    assert_eq!(
        *fifth,
        [LITTLE.option(1, b"a packet"), LITTLE.option(2, &[2, 0, 0, 0]), LITTLE.option(4, &3_u64.to_le_bytes())].concat()
    );
}

/// Each packet in a file of its own: it stands for itself, with all that was learnt until it ended.
#[test]
fn each_file_of_a_series_holds_the_interfaces_names_and_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = Rotation { bytes: Some(1), ..Rotation::default() };
    copy(&mut input(&everything()), &folder.path().join("t.pcapng"), &PcapConfig { rotation, ..config(FileFormat::PcapNg) })
        .unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (whole, source) = read(&everything());
    assert_eq!(files.len(), whole.len());
    let (mut names, mut secrets) = (0, 0);
    for (path, whole) in files.iter().zip(&whole) {
        let (frames, part) = read(&std::fs::read(path).unwrap());
        let interface = |source: &FileSource, kept: &Kept| source.info().interfaces[kept.interface as usize].name.clone();
        assert_eq!(frames.len(), 1, "{}", path.display());
        let frame = &frames[0];
        assert_eq!((frame.nanos, frame.link, &frame.bytes), (whole.nanos, whole.link, &whole.bytes));
        assert_eq!(interface(&part, frame), interface(&source, whole));
        let notes = &part.info().notes;
        assert!(notes.names.len() >= names && notes.secrets.len() >= secrets, "{}", path.display());
        (names, secrets) = (notes.names.len(), notes.secrets.len());
        assert_eq!(notes.application.as_deref(), Some("the test"));
    }
    assert_eq!((names, secrets), (source.info().notes.names.len(), source.info().notes.secrets.len()));
    assert!(names > 0 && secrets > 0);
}

#[test]
fn comments_of_names_and_statistics_survive_in_a_copy() {
    let names = [LITTLE.option(0, b""), LITTLE.option(1, b"on names"), LITTLE.option(0, b"")].concat();
    let statistics = [LITTLE.words_of(&[0, 0, 9]), LITTLE.option(1, b"on counters"), LITTLE.option(4, &LITTLE.u64(5))].concat();
    let bytes = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.block(4, &names), LITTLE.block(5, &statistics)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.pcapng");
    copy(&mut input(&bytes.concat()), &path, &config(FileFormat::PcapNg)).unwrap();
    let (_, source) = read(&std::fs::read(&path).unwrap());
    assert_eq!(source.info().notes.comments, ["on names"]);
    assert_eq!(source.info().interfaces[0].counter_comments, ["on counters"]);
}

#[test]
fn times_before_1970_survive_in_pcapng_and_are_counted_in_pcap() {
    let folder = tempfile::tempdir().unwrap();
    let times = [1, -1, i64::MIN, i64::MAX, 0, -1];
    let ng = folder.path().join("t.pcapng");
    let mut writer = PcapWriter::create(&ng, &config(FileFormat::PcapNg)).unwrap();
    for t in times {
        writer.write(&frame(t, LinkType::RAW, b"x")).unwrap();
    }
    assert_eq!(writer.finish().unwrap().times_clamped, 0);
    let (frames, source) = read(&std::fs::read(&ng).unwrap());
    assert_eq!(frames.iter().map(|f| f.nanos).collect::<Vec<_>>(), times);
    assert_eq!(source.info().interfaces.len(), 2);

    let pcap = folder.path().join("t.pcap");
    let mut writer = PcapWriter::create(&pcap, &config(NANOS)).unwrap();
    for t in times {
        writer.write(&frame(t, LinkType::RAW, b"x")).unwrap();
    }
    assert_eq!(writer.finish().unwrap().times_clamped, 4);
    let (frames, _) = read(&std::fs::read(&pcap).unwrap());
    let latest = 4_294_967_295_999_999_999;
    assert_eq!(frames.iter().map(|f| f.nanos).collect::<Vec<_>>(), [1, 0, 0, latest, 0, 0]);
}

#[test]
fn a_second_link_type_is_refused_by_pcap_and_kept_by_pcapng() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.pcap");
    let mut writer = PcapWriter::create(&path, &config(MICROS)).unwrap();
    writer.write(&frame(1, LinkType::ETHERNET, b"abc")).unwrap();
    let error = writer.write(&frame(2, LinkType::RAW, b"def")).unwrap_err();
    assert!(matches!(error, WriteError::SecondLinkType { first: LinkType(1), second: LinkType(101), .. }));
    assert!(error.to_string().contains("pcapng holds both"), "{error}");
    // What came before is a good file.
    drop(writer);
    assert_eq!(read(&std::fs::read(&path).unwrap()).0.len(), 1);

    let path = folder.path().join("two.pcapng");
    let mut writer = PcapWriter::create(&path, &config(FileFormat::PcapNg)).unwrap();
    for link in [LinkType::ETHERNET, LinkType::RAW, LinkType::ETHERNET] {
        writer.write(&frame(1, link, b"abc")).unwrap();
    }
    writer.finish().unwrap();
    let (frames, source) = read(&std::fs::read(&path).unwrap());
    assert_eq!(frames.iter().map(|f| f.link.0).collect::<Vec<_>>(), [1, 101, 1]);
    assert_eq!(source.info().interfaces.len(), 2);
}

#[test]
fn a_file_without_packets_has_its_header() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("e.pcap", MICROS), ("e.pcapng", FileFormat::PcapNg)] {
        let path = folder.path().join(name);
        let header = [LITTLE.section(&[]), LITTLE.interface(276, 96, &[LITTLE.option(2, b"any")].concat())].concat();
        copy(&mut input(&header), &path, &config(format)).unwrap();
        let (frames, source) = read(&std::fs::read(&path).unwrap());
        assert!(frames.is_empty());
        assert_eq!(
            (source.info().interfaces[0].link, source.info().interfaces[0].snaplen),
            (Some(LinkType::LINUX_SLL2), Some(96))
        );
    }
}

#[test]
fn interfaces_announced_one_by_one_are_taken_in_linear_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = PcapWriter::create(&folder.path().join("many.pcap"), &config(MICROS)).unwrap();
    let mut info = SourceInfo::new("many", SourceKind::File(FileFormat::PcapNg));
    let start = Instant::now();
    for i in 0..50_000 {
        info.interfaces.push(InterfaceInfo { link: Some(LinkType(i)), ..InterfaceInfo::default() });
        writer.source(0, &info);
    }
    // Walking over all of them each time takes minutes.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    writer.write(&frame(1, LinkType(49_999), b"x")).unwrap();
    assert_eq!(writer.finish().unwrap().packets, 1);
}

#[test]
fn the_same_interface_of_several_files_is_described_once() {
    let folder = tempfile::tempdir().unwrap();
    let part = |ticks| {
        let eth0 = LITTLE.interface(1, 0, &LITTLE.option(2, b"eth0"));
        let stats = [LITTLE.words_of(&[0, 0, 0]), LITTLE.option(4, &10_u64.to_le_bytes())].concat();
        [LITTLE.section(&[]), eth0.clone(), eth0, LITTLE.packet(1, ticks, 4, b"abcd", &[]), LITTLE.block(5, &stats)].concat()
    };
    let sources = [part(1), part(2)].iter().map(|p| open(p).unwrap()).collect();
    let path = folder.path().join("merged.pcapng");
    copy(&mut Input::files(sources).unwrap(), &path, &config(FileFormat::PcapNg)).unwrap();
    let (frames, source) = read(&std::fs::read(&path).unwrap());
    assert_eq!(frames.iter().map(|f| (f.interface, f.nanos)).collect::<Vec<_>>(), [(1, 1000), (1, 2000)]);
    assert_eq!(source.info().interfaces.len(), 2);
    assert_eq!(source.stats().received, Some(20));
}

#[test]
fn a_live_source_of_one_interface_gives_its_own_counters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.pcapng");
    let mut info = SourceInfo::new("eth0", sockeye::model::SourceKind::Live(sockeye::model::LiveBackend::Libpcap));
    info.interfaces.push(sockeye::model::InterfaceInfo { link: Some(LinkType::ETHERNET), ..Default::default() });
    let stats = SourceStats { received: Some(12), dropped_kernel: Some(3), ..SourceStats::default() };
    let mut writer = PcapWriter::create(&path, &config(FileFormat::PcapNg)).unwrap();
    writer.source(0, &info);
    writer.write(&frame(1, LinkType::ETHERNET, b"abc")).unwrap();
    writer.count(0, &info, &stats);
    writer.finish().unwrap();
    let (_, source) = read(&std::fs::read(&path).unwrap());
    assert_eq!((source.stats().received, source.stats().dropped_kernel), (Some(12), Some(3)));
}

#[test]
fn flushed_packets_can_be_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for format in [NANOS, FileFormat::PcapNg] {
        let path = folder.path().join(format!("{format:?}"));
        let mut writer = PcapWriter::create(&path, &config(format)).unwrap();
        writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        writer.flush().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), writer.bytes());
        assert_eq!(read(&std::fs::read(&path).unwrap()).0.len(), 1);
    }
}

#[test]
fn formats_are_chosen_by_name_and_by_resolution() {
    for (name, expected) in [
        ("a.pcapng", FileFormat::PcapNg),
        ("a.NTAR", FileFormat::PcapNg),
        ("a.pcap", NANOS),
        ("a.cap", NANOS),
        ("a", NANOS),
        ("-", NANOS),
    ] {
        assert_eq!(format_of_name(name.as_ref(), true), expected);
    }
    let classic = |magic| open(&LITTLE.pcap_header(magic, (2, 4), 0, 1)).unwrap();
    assert!(needs_nanoseconds(classic(0xa1b2_3c4d).info()));
    assert!(!needs_nanoseconds(classic(0xa1b2_c3d4).info()));
}

#[test]
fn a_regular_file_is_not_overwritten_unasked_and_never_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.pcap");
    std::fs::write(&path, LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 0, 1)).unwrap();
    let error = PcapWriter::create(&path, &config(MICROS)).unwrap_err();
    assert!(matches!(error, WriteError::Exists { size: 24, modified: Some(_), .. }));
    let source = file::open(&path, &OpenOptions::default()).unwrap();
    let reading: Vec<_> = source.info().file_id.into_iter().collect();
    let link = folder.path().join("link.pcap");
    std::fs::hard_link(&path, &link).unwrap();
    let forced = PcapConfig { force: true, reading, ..config(MICROS) };
    assert!(matches!(PcapWriter::create(&link, &forced), Err(WriteError::BeingRead { .. })));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 24, "nothing was touched");
    let forced = PcapConfig { force: true, ..config(MICROS) };
    let mut writer = PcapWriter::create(&path, &forced).unwrap();
    writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
    assert_eq!(writer.finish().unwrap().bytes, std::fs::metadata(&path).unwrap().len());

    assert!(matches!(PcapWriter::create("x.pcap.gz".as_ref(), &config(MICROS)), Err(WriteError::Compressed { .. })));
    let nowhere = PcapWriter::create("/no/such/folder/x.pcap".as_ref(), &config(MICROS));
    assert!(matches!(nowhere, Err(WriteError::Create { .. })));
    let folder = PcapWriter::create(folder.path(), &config(MICROS));
    assert!(matches!(folder, Err(WriteError::Create { .. })));
}

#[test]
fn pipes_and_devices_are_no_files_to_protect() {
    let mut writer = PcapWriter::create("/dev/null".as_ref(), &config(FileFormat::PcapNg)).unwrap();
    writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
    writer.finish().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || {
            let mut source = file::open(&fifo, &OpenOptions::default()).unwrap();
            assert_eq!(source.info().file_id, None);
            drain(&mut source)
        }
    });
    let mut writer = PcapWriter::create(&fifo, &config(NANOS)).unwrap();
    for _ in 0..10_000 {
        writer.write(&frame(5, LinkType::RAW, &[9; 100])).unwrap();
    }
    writer.finish().unwrap();
    let (frames, error) = reader.join().unwrap();
    assert_eq!((frames.len(), error.is_none()), (10_000, true));
}

#[test]
fn a_reader_that_goes_away_is_a_broken_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || drop(std::fs::File::open(fifo).unwrap())
    });
    let mut writer = PcapWriter::create(&fifo, &config(NANOS)).unwrap();
    reader.join().unwrap();
    writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
    let error = std::io::Error::from(writer.flush().unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_full_device_is_told_with_what_is_safe() {
    for format in [MICROS, FileFormat::PcapNg] {
        let mut writer = PcapWriter::create("/dev/full".as_ref(), &config(format)).unwrap();
        writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
        let error = writer.flush().unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        let WriteError::Write { safe, .. } = error else { panic!() };
        assert_eq!((safe.packets, safe.complete), (0, false));
        // Told once; from then on packets are only counted.
        writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
        writer.flush().unwrap();
        assert_eq!((writer.packets(), writer.finish().unwrap().packets), (2, 0));
    }
}

/// A file system of one megabyte; needs root.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tiny"]).arg(folder.path()).output();
        mounted.is_ok_and(|m| m.status.success()).then_some(Self(folder))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_a_file_that_is_whole_up_to_there() {
    let Some(tiny) = Tiny::mount() else {
        eprintln!("SKIPPED: mounting a tiny file system needs root");
        return;
    };
    for format in [MICROS, FileFormat::PcapNg] {
        let path = tiny.0.path().join(format!("full-{format:?}"));
        let mut writer = PcapWriter::create(&path, &config(format)).unwrap();
        let error = (0..100_000).find_map(|i| writer.write(&frame(i, LinkType::RAW, &[7; 333])).err());
        let error = error.expect("100,000 packets do not fit into a megabyte");
        assert!(error.is_disk_full(), "{error}");
        let WriteError::Write { safe, .. } = error else { panic!() };
        assert!(safe.complete && safe.packets > 2000, "{safe:?}");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, safe.bytes);
        assert_eq!(read(&bytes).0.len() as u64, safe.packets);
        assert!(bytes.len() > 1_000_000, "all the room was used: {}", bytes.len());
        drop(writer);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn tcpdump_and_tshark_read_the_same_to_the_nanosecond() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("n.pcap", NANOS), ("n.pcapng", FileFormat::PcapNg)] {
        let path = folder.path().join(name);
        let mut writer = PcapWriter::create(&path, &config(format)).unwrap();
        for i in 0..50 {
            writer.write(&frame(1_700_000_000_123_456_789 + i, LinkType::RAW, &[0x45; 40])).unwrap();
        }
        writer.finish().unwrap();
        let tcpdump = Command::new("tcpdump").args(["-tt", "--nano", "-nr"]).arg(&path).output();
        let fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len", "-r"];
        let tshark = Command::new("tshark").args(fields).arg(&path).output();
        for (tool, output) in [("tcpdump", tcpdump), ("tshark", tshark)] {
            let Ok(output) = output else {
                eprintln!("SKIPPED: {tool} is not installed");
                continue;
            };
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 50, "{tool} {name}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(lines[49].starts_with("1700000000.123456838"), "{tool} {name}: {}", lines[49]);
            assert!(tool != "tshark" || lines[49].ends_with("\t1500\t40"), "{}", lines[49]);
        }
    }
}

#[test]
fn big_endian_interfaces_are_carried_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = [BIG.option(8, &BIG.u64(10_000_000)), BIG.option(10, &BIG.u32(3600)), BIG.option(11, b"\0tcp port 80")];
    let bytes = [BIG.section(&[]), BIG.interface(1, 0, &options.concat()), BIG.packet(0, 7, 9, b"abc", &[])].concat();
    let path = folder.path().join("c.pcapng");
    copy(&mut input(&bytes), &path, &config(FileFormat::PcapNg)).unwrap();
    let (frames, source) = read(&std::fs::read(&path).unwrap());
    let interface = &source.info().interfaces[0];
    assert_eq!((interface.speed, interface.filter.as_deref()), (Some(10_000_000), Some("tcp port 80")));
    assert_eq!(interface.other.bytes, LITTLE.option(10, &LITTLE.u32(3600)));
    let expected = Kept { nanos: 7000, wire_len: 9, bytes: b"abc".to_vec(), ..read(&bytes).0[0].clone() };
    assert_eq!(frames, [expected]);
}

#[test]
fn what_is_written_to_standard_output_arrives() {
    // The example copies nothing; this runs the writer in a child: this very test binary.
    if std::env::var_os("SOCKEYE_TEST_CHILD").is_some() {
        let mut writer = PcapWriter::create("-".as_ref(), &config(FileFormat::PcapNg)).unwrap();
        writer.write(&frame(5, LinkType::RAW, b"abc")).unwrap();
        writer.finish().unwrap();
        return;
    }
    let name = "writing::what_is_written_to_standard_output_arrives";
    let me = std::env::current_exe().unwrap();
    let child = Command::new(me).args(["--exact", name, "--nocapture", "-q"]).env("SOCKEYE_TEST_CHILD", "1").output().unwrap();
    // The test harness prints a line before and after.
    let start = child.stdout.windows(4).position(|w| w == b"\x0a\x0d\x0d\x0a").expect("a section header");
    let mut source: FileSource = open(&child.stdout[start..]).unwrap();
    assert_eq!(drain(&mut source).0.first().map(|f| f.bytes.clone()), Some(b"abc".to_vec()));
}
