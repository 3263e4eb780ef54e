//! What the capture dropped, and what it left to network cards: read from files, written to files, carried past filters, and told
//! of the flows that it spoils. Files and packets are made here.

use crate::made::{BIG, Bytes, Kept, LITTLE, read};
use crate::program::run_in;
use sockeye::capture::file::FileSource;
use sockeye::model::{FileFormat, Frame, FrameDirection, FrameMarks, LinkType, Timestamp};
use sockeye::output::pcap::{PcapConfig, PcapWriter};
use std::path::Path;
use std::process::Command;

fn marks(dropped_before: u64, checksum_pending: bool, gso: bool) -> FrameMarks {
    FrameMarks { dropped_before, checksum_pending, gso }
}

fn lost(dropped_before: u64) -> FrameMarks {
    marks(dropped_before, false, false)
}

/// An old Packet Block of interface 0.
fn old_packet(b: Bytes, drops: u16, options: &[u8]) -> Vec<u8> {
    let head = [&b.u16(0)[..], &b.u16(drops), &b.words_of(&[0, 7, 4, 4]), b"data"].concat();
    b.block(2, &[&head, options].concat())
}

/// Packets of 4 bytes, of as many interfaces, with these options.
fn file(b: Bytes, packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = [b.section(&[]), b.interface(101, 0, &[]), b.interface(101, 0, &[])].concat();
    for (interface, options) in packets {
        out.extend(b.packet(*interface, 7, 4, b"data", options));
    }
    out
}

fn marks_of((frames, _): &(Vec<Kept>, FileSource)) -> Vec<FrameMarks> {
    frames.iter().map(|frame| frame.marks).collect()
}

#[test]
fn blocks_say_what_was_lost_before_them_and_left_to_a_card() {
    for b in [LITTLE, BIG] {
        let options = |flags: u32, drops: u64| [b.option(2, &b.u32(flags)), b.option(4, &b.u64(drops))].concat();
        let mut bytes =
            file(b, &[(0, Vec::new()), (1, options(1 << 9 | 1, 3)), (0, options(1 << 11, 0)), (0, options(1 << 10, u64::MAX))]);
        bytes.extend(old_packet(b, 5, &[]));
        bytes.extend(old_packet(b, u16::MAX, &[]));
        // One of a wrong length is none.
        bytes.extend(b.packet(0, 7, 4, b"data", &b.option(4, &[1; 4])));
        let read = read(&bytes);
        assert_eq!(
            marks_of(&read),
            [lost(0), marks(3, true, false), marks(0, false, true), lost(u64::MAX), lost(5), lost(0), lost(0)]
        );
        assert_eq!(read.0[1].direction, Some(FrameDirection::Inbound));
        assert_eq!(read.1.stats().dropped_kernel, Some(u64::MAX));
    }
    // A file that says nothing does not say 0; one that says 0 does.
    assert_eq!(read(&file(LITTLE, &[(0, Vec::new())])).1.stats().dropped_kernel, None);
    assert_eq!(read(&file(LITTLE, &[(0, LITTLE.option(4, &[0; 8]))])).1.stats().dropped_kernel, Some(0));
}

fn config() -> PcapConfig {
    PcapConfig::new(FileFormat::PcapNg)
}

#[test]
fn drop_counts_and_flags_are_written_as_tshark_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.pcapng");
    let all = [lost(0), marks(18_220, true, false), marks(1, false, true), marks(0, true, true), lost(u64::MAX)];
    let mut writer = PcapWriter::create(&path, &config()).unwrap();
    for (i, marks) in (1..).zip(all) {
        let frame = Frame {
            number: i,
            source: 0,
            interface: 0,
            ts: Timestamp::from_nanos(i as i64),
            link: LinkType::RAW,
            wire_len: 40,
            bytes: &[0x45; 40],
            direction: (i > 3).then_some(FrameDirection::Outbound),
            options: None,
            marks,
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(marks_of(&read(&std::fs::read(&path).unwrap())), all);
    let fields = ["-T", "fields", "-e", "frame.drop_count", "-e", "frame.packet_flags", "-r"];
    let Ok(output) = Command::new("tshark").args(fields).arg(&path).output() else {
        eprintln!("SKIPPED: tshark is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = "\t\n18220\t0x00000200\n1\t0x00000800\n\t0x00000a02\n18446744073709551615\t0x00000002\n";
    assert_eq!(text, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

/// Values of an option, frame by frame.
fn options_of(read: &(Vec<Kept>, FileSource), code: u16) -> Vec<Vec<u64>> {
    let values = |frame: &Kept| {
        let mut rest = &frame.options[..];
        let mut values = Vec::new();
        while let [a, b, c, d, more @ ..] = rest {
            let len = usize::from(u16::from_le_bytes([*c, *d]));
            if u16::from_le_bytes([*a, *b]) == code {
                values.push(more[..len].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)));
            }
            rest = &more[len.next_multiple_of(4)..];
        }
        values
    };
    read.0.iter().map(values).collect()
}

#[test]
fn a_copied_drop_count_stands_there_once_and_marks_win() {
    let folder = tempfile::tempdir().unwrap();
    for b in [LITTLE, BIG] {
        let drops = |n: u64| b.option(4, &b.u64(n));
        let twice = [drops(4), b.option(1, b"a word"), drops(6)].concat();
        let mut bytes = file(b, &[(0, drops(3)), (0, drops(0)), (0, Vec::new()), (0, twice), (0, b.option(1, b"said"))]);
        bytes.extend(old_packet(b, 9, &b.option(2, &b.u32(2))));
        let mut source = crate::made::open(&bytes).unwrap();
        let mut copied = Vec::new();
        for (name, more) in [("same", 0), ("more", 100)] {
            let path = folder.path().join(format!("{name}-{b:?}.pcapng"));
            let mut writer = PcapWriter::create(&path, &config()).unwrap();
            if more > 0 {
                source = crate::made::open(&bytes).unwrap();
            }
            while let Ok(next) = sockeye::capture::PacketSource::next(&mut source) {
                match next {
                    sockeye::capture::Next::Frame(frame) => {
                        let dropped_before = frame.marks.dropped_before + more;
                        writer.write(&Frame { marks: FrameMarks { dropped_before, ..frame.marks }, ..frame }).unwrap();
                    }
                    sockeye::capture::Next::End => break,
                    _ => {}
                }
            }
            writer.finish().unwrap();
            copied.push(read(&std::fs::read(&path).unwrap()));
        }
        assert_eq!(options_of(&copied[0], 4), [vec![3], vec![0], vec![], vec![6], vec![], vec![9]]);
        assert_eq!(options_of(&copied[1], 4), [[103], [100], [100], [106], [100], [109]]);
        assert_eq!(options_of(&copied[1], 1).concat().len(), 2, "comments stay");
        assert_eq!(options_of(&copied[1], 2).concat(), [2], "so do flags");
    }
}

/// A TCP segment over IPv4 from or to 10.0.0.1, without checksums.
fn segment(port: u16, from_client: bool, flags: u8, seq: u32, ack: u32, data: usize) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let ((from, from_port), (to, to_port)) =
        if from_client { ((client, port), (server, 80)) } else { ((server, 80), (client, port)) };
    let mut out = vec![0x45, 0];
    out.extend((40 + data as u16).to_be_bytes());
    out.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    out.extend([from, to].concat());
    out.extend(from_port.to_be_bytes());
    out.extend(to_port.to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.resize(out.len() + data, b'x');
    out
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 17;

/// Three connections one after the other, 40 ms each: of the second, 200 bytes are not there, and come 20 ms later.
fn conversations() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for port in [1001, 1002, 1003] {
        let s = |client, flags, seq, ack, data| segment(port, client, flags, seq, ack, data);
        out.extend([s(true, SYN, 0, 0, 0), s(false, SYN | ACK, 0, 1, 0), s(true, ACK, 1, 1, 0), s(true, ACK, 1, 1, 100)]);
        if port == 1002 {
            out.extend([s(true, ACK, 301, 1, 100), s(false, ACK, 1, 101, 0), s(true, ACK, 101, 1, 200)]);
        }
        let end = if port == 1002 { 401 } else { 101 };
        out.extend([s(true, FIN, end, 1, 0), s(false, FIN, 1, end + 1, 0), s(true, ACK, end + 1, 2, 0)]);
    }
    out
}

/// The conversations as a file; packet `at` says that so many were dropped before it.
fn pcapng(path: &Path, dropped: &[(usize, u64)]) {
    let mut out = [LITTLE.section(&[]), LITTLE.interface(101, 0, &[])].concat();
    for (i, bytes) in (1..).zip(conversations()) {
        let options =
            dropped.iter().find(|(at, _)| *at == i).map(|(_, n)| LITTLE.option(4, &n.to_le_bytes())).unwrap_or_default();
        // The answer to a request takes 1 ms, what was sent again 200 ms.
        let at = 1_700_000_000_000_000 + i as u64 * 1000 + if i >= 14 { 200_000 } else { 0 };
        out.extend(LITTLE.packet(0, at, bytes.len() as u32, &bytes, &options));
    }
    std::fs::write(path, out).unwrap();
}

/// A column of `flows --format csv`.
fn column(folder: &Path, line: &str) -> Vec<String> {
    let ran = run_in(folder, line);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    ran.stdout.lines().skip(1).map(ToOwned::to_owned).collect()
}

#[test]
fn flows_say_what_the_capture_dropped_in_their_time() {
    let folder = tempfile::tempdir().unwrap();
    pcapng(&folder.path().join("dropped.pcapng"), &[(12, 7), (13, 2)]);
    pcapng(&folder.path().join("whole.pcapng"), &[(1, 0)]);
    pcapng(&folder.path().join("silent.pcapng"), &[]);
    let drops = |name: &str| column(folder.path(), &format!("flows {name} --format csv --fields id,capture_drops"));
    assert_eq!(drops("dropped.pcapng"), ["c1,0", "c2,9", "c3,0"]);
    assert_eq!(drops("whole.pcapng"), ["c1,0", "c2,0", "c3,0"]);
    assert_eq!(drops("silent.pcapng"), ["c1,", "c2,", "c3,"]);
    assert_eq!(run_in(folder.path(), "capture -r dropped.pcapng -w copy.pcap").code(), Some(0));
    assert_eq!(drops("copy.pcap"), ["c1,", "c2,", "c3,"], "pcap has no room for them");

    let table = run_in(folder.path(), "flows dropped.pcapng").stdout;
    let marked: Vec<_> = table.lines().filter(|line| line.ends_with('?')).collect();
    assert!(matches!(marked[..], [row] if row.starts_with("c2 ")), "{table}");
    assert!(
        table.ends_with("\n? the capture dropped packets while this conversation ran: its counts are a minimum\n"),
        "{table}"
    );
    assert!(!run_in(folder.path(), "flows silent.pcapng").stdout.contains('?'));
    assert!(run_in(folder.path(), "dropped.pcapng").stdout.contains("\n? the capture dropped packets"));

    // The hole of the second is perhaps the capture's, and what fills it says so.
    let lost = |name: &str| {
        column(folder.path(), &format!("flows {name} --format csv --fields id,orig.resent_packets,orig.lost_before"))
    };
    assert_eq!(lost("dropped.pcapng")[1], "c2,1,0");
    assert_eq!(lost("silent.pcapng")[1], "c2,1,1");
    let lines = |name: &str| run_in(folder.path(), &format!("packets {name} --packets 8-20")).stdout;
    assert!(lines("dropped.pcapng").contains(", the capture dropped packets): "), "{}", lines("dropped.pcapng"));
    assert!(!lines("silent.pcapng").contains("dropped"));
}

#[test]
fn what_was_dropped_before_packets_that_are_left_out_is_said_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    pcapng(&folder.path().join("in.pcapng"), &[(1, 1), (5, 20), (9, 300), (12, 4000), (13, 50_000)]);
    for (name, how, expected) in [
        // Packets 8 to 17 are the second connection's.
        ("filter.pcapng", "tcp port 1002", vec![(1, 21), (2, 300), (5, 4000), (6, 50_000)]),
        ("selection.pcapng", "--packets 10-13", vec![(1, 321), (3, 4000), (4, 50_000)]),
        ("all.pcapng", "", vec![(1, 1), (5, 20), (9, 300), (12, 4000), (13, 50_000)]),
    ] {
        if name == "filter.pcapng" && !cfg!(feature = "libpcap") {
            continue; // nothing here can compile it
        }
        let ran = run_in(folder.path(), &format!("capture -r in.pcapng -w {name} {how}"));
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let said = marks_of(&read(&std::fs::read(folder.path().join(name)).unwrap()));
        let said: Vec<_> =
            (1..).zip(said).filter(|(_, marks)| marks.dropped_before > 0).map(|(n, m)| (n, m.dropped_before)).collect();
        assert_eq!(said, expected, "{how}");
    }
    // Flows are spoiled by what was dropped, whatever the filter.
    if cfg!(feature = "libpcap") {
        let drops = column(folder.path(), "flows in.pcapng --format csv --fields id,capture_drops tcp port 1002");
        assert_eq!(drops, ["c1,54300"]);
    }
}

#[test]
fn what_the_capturing_system_said_of_a_packet_stands_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut out = [LITTLE.section(&[]), LITTLE.interface(101, 0, &LITTLE.option(2, b"veth7"))].concat();
    for (i, bytes) in (1..).zip(conversations()) {
        let flags = if i == 4 { 1 << 9 | 1 << 11 } else { 0 };
        let options = [LITTLE.option(2, &LITTLE.u32(flags)), LITTLE.option(4, &LITTLE.u64(u64::from(i == 4) * 12))].concat();
        out.extend(LITTLE.packet(0, 1_700_000_000_000_000 + i, bytes.len() as u32, &bytes, &options));
    }
    std::fs::write(folder.path().join("in.pcapng"), out).unwrap();
    let line = |how: &str| {
        let text = run_in(folder.path(), &format!("packets in.pcapng --packets 1-4 {how}")).stdout;
        text.trim_end().rsplit_once(" ; ").map_or("", |(_, ours)| ours).to_owned()
    };
    assert_eq!(line(""), "#4 c1, the capture dropped 12 packets before it");
    let all =
        "#4 c1, the capture dropped 12 packets before it, checksum left to the card, segments not yet cut or already joined";
    assert_eq!(line("-v"), all);
    assert_eq!(line("-v --plain"), "");
    let summary = run_in(folder.path(), "in.pcapng").stdout;
    assert!(summary.contains("1 packet of veth7 was several on the wire"), "{summary}");
    assert!(summary.contains("ethtool -K veth7 tso off gso off gro off"), "{summary}");
}

/// One UDP packet of each of these times (seconds), port by port, and what was dropped before it.
fn steps(path: &Path, packets: &[(u64, u16, u64)]) {
    let mut out = [LITTLE.section(&[]), LITTLE.interface(101, 0, &[])].concat();
    for (seconds, port, dropped) in packets {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([&port.to_be_bytes()[..], &[0, 53, 0, 8, 0, 0]].concat());
        out.extend(LITTLE.packet(0, seconds * 1_000_000, 28, &bytes, &LITTLE.option(4, &LITTLE.u64(*dropped))));
    }
    std::fs::write(path, out).unwrap();
}

#[test]
fn a_clock_that_was_set_back_does_not_make_flows_whole() {
    let folder = tempfile::tempdir().unwrap();
    steps(
        &folder.path().join("step.pcapng"),
        &[
            (1_000_000, 1, 0),
            (1_000_001, 1, 7),
            (999_000, 2, 0),
            (999_001, 2, 5),
            (999_100, 3, 0),
            (999_101, 3, 1),
            (999_101, 1, 0),
        ],
    );
    let drops = column(folder.path(), "flows step.pcapng --format csv --fields orig.port,capture_drops");
    // Nobody answers, so that what was dropped later counts, too: of the second what its own clock says is later.
    assert_eq!(drops, ["2,13", "3,8", "1,"]);
}
