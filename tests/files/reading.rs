//! Reading: the formats in all their shapes, and what is said of files that are cut, damaged or no captures.

use crate::made::{BIG, Bytes, Kept, LITTLE, drain, everything, open, read};
use crate::rng::Rng;
use sockeye::capture::file::{self, FileSource, OpenOptions};
use sockeye::capture::{Next, PacketSource, SourceError};
use sockeye::model::{FrameDirection, LinkType};
use std::io::{Cursor, Read, Write};
use std::net::IpAddr;

const FRAME: &[u8] = &[0x45; 20];

fn classic(b: Bytes, magic: u32) -> Vec<u8> {
    let extra: &[u8] = if magic == 0xa1b2_cd34 { &[0, 0, 0, 1, 8, 0, 4, 0] } else { &[] };
    let mut out = b.pcap_header(magic, (2, 4), 65_535, 101);
    for i in 0..3 {
        out.extend(b.pcap_record([1_700_000_000 + i, 123_456, 20, 60], extra, FRAME));
    }
    out
}

#[test]
fn classic_files_of_both_orders_and_all_magics() {
    for b in [LITTLE, BIG] {
        for (magic, nanos, direction) in [
            (0xa1b2_c3d4, 123_456_000, None),
            (0xa1b2_3c4d, 123_456, None),
            (0xa1b2_cd34, 123_456_000, Some(FrameDirection::Outbound)),
        ] {
            let (frames, _) = read(&classic(b, magic));
            assert_eq!(frames.len(), 3);
            let last = Kept {
                number: 3,
                interface: 0,
                nanos: 1_700_000_002_000_000_000 + nanos,
                link: LinkType::RAW,
                wire_len: 60,
                bytes: FRAME.to_vec(),
                direction,
                options: Vec::new(),
                marks: sockeye::model::FrameMarks::NONE,
            };
            assert_eq!(frames[2], last, "{magic:x} {b:?}");
        }
    }
}

#[test]
fn old_versions_have_their_lengths_the_other_way_round() {
    for (version, words) in
        [((2, 2), [1, 0, 60, 20]), ((2, 3), [1, 0, 60, 20]), ((2, 3), [1, 0, 20, 60]), ((543, 0), [1, 0, 60, 20])]
    {
        let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, version, 65_535, 1);
        bytes.extend(LITTLE.pcap_record(words, &[], FRAME));
        let (frames, _) = read(&bytes);
        assert_eq!((frames[0].bytes.len(), frames[0].wire_len), (20, 60), "{version:?}");
    }
    let unknown = LITTLE.pcap_header(0xa1b2_c3d4, (3, 0), 65_535, 1);
    let error = open(&unknown).err().map(|e| e.to_string());
    assert_eq!(error.as_deref(), Some("made: is of pcap version 3.0, which is unknown at byte 4"));
}

#[test]
fn the_network_field_holds_a_link_type_and_the_length_of_a_checksum() {
    let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, (2 << 28 | 1 << 26) + 276);
    bytes.extend(LITTLE.pcap_record([1, 0, 20, 20], &[], FRAME));
    let (frames, source) = read(&bytes);
    assert_eq!(frames[0].link, LinkType::LINUX_SLL2);
    assert_eq!(source.info().interfaces[0].fcs_len, Some(4));
}

#[test]
fn everything_in_a_pcapng_file_is_understood() {
    let (frames, mut source) = read(&everything());
    assert_eq!(frames.len(), 8);
    // Nanoseconds in the first section, 2^-20 seconds in the second.
    assert_eq!((frames[0].nanos, frames[4].nanos), (3 << 19, 1_500_000_000));
    // The offset of the second interface is 1000 s.
    assert_eq!((frames[1].nanos, frames[5].nanos), (1_005_000_000_000, 1_005_000_000_000));
    // A simple packet: no time but that of the packet before, captured length given by the block.
    assert_eq!((frames[2].nanos, frames[2].wire_len, frames[2].bytes.len()), (frames[1].nanos, 40, 40));
    // An old packet block on interface 1.
    assert_eq!((frames[3].interface, frames[3].nanos, frames[3].bytes.as_slice()), (1, 1_000_000_007_000, &[1, 2][..]));
    // Interfaces are counted through all sections.
    let interfaces: Vec<_> = frames.iter().map(|f| f.interface).collect();
    assert_eq!(interfaces, [0, 1, 0, 1, 2, 3, 2, 3]);
    assert_eq!((frames[4].link, frames[5].link), (LinkType::ETHERNET, LinkType::RAW));
    assert!(frames[0].direction == Some(FrameDirection::Outbound) && frames[4].direction == frames[0].direction);
    assert!(frames[0].options.starts_with(&LITTLE.option(1, b"a packet")));

    let info = source.info().clone();
    assert_eq!(info.interfaces.len(), 4);
    assert_eq!(info.interfaces[2].name.as_deref(), Some("eth0"));
    assert_eq!((info.interfaces[0].ticks_per_second, info.interfaces[2].ticks_per_second), (Some(1_000_000_000), None));
    assert_eq!(info.interfaces[1].other.bytes, LITTLE.option(6, &[2, 0, 0, 0, 0, 1]));
    assert_eq!(info.interfaces[3].other.bytes, BIG.option(6, &[2, 0, 0, 0, 0, 1]));
    assert_eq!(info.notes.comments, ["a section", "a section"]);
    assert_eq!(info.notes.os.as_deref(), Some("an os"));
    let ten: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(info.notes.names[..2], [(ten, "a.example".to_owned()), (ten, "b.example".to_owned())]);
    assert_eq!(info.notes.names.len(), 6);
    assert_eq!((info.notes.secrets.len(), info.notes.secrets[1].data.as_slice()), (2, &b"abcd"[..]));
    let [timeless, lacks] = info.warnings.as_slice() else { panic!("{:?}", info.warnings) };
    assert!(timeless.starts_with("packets without a time of their own: 2;"), "{timeless}");
    assert_eq!(lacks, "custom or unknown blocks or options stand beside the packets: a copy lacks them");

    let stats = PacketSource::stats(&mut source);
    assert_eq!((stats.frames, stats.received), (8, Some(200)));
    assert_eq!((stats.dropped_interface, stats.dropped_kernel), (Some(2), Some(4)));
}

#[test]
fn without_statistics_packets_tell_what_was_lost() {
    let mut bytes = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[])].concat();
    for _ in 0..2 {
        bytes.extend(LITTLE.packet(0, 1, 20, FRAME, &LITTLE.option(4, &7_u64.to_le_bytes())));
    }
    let (_, source) = read(&bytes);
    assert_eq!(source.stats().dropped_kernel, Some(14));
    assert_eq!(source.stats().dropped_interface, None);
}

#[test]
fn a_simple_packet_is_cut_by_the_snap_length_of_the_first_interface() {
    let bytes =
        [LITTLE.section(&[]), LITTLE.interface(1, 16, &[]), LITTLE.block(3, &[&60_u32.to_le_bytes()[..], &[7; 16]].concat())];
    let (frames, _) = read(&bytes.concat());
    assert_eq!((frames[0].wire_len, frames[0].bytes.len()), (60, 16));
}

#[test]
fn an_undeclared_interface_is_told_once_and_read_as_the_first() {
    let mut bytes = [LITTLE.section(&[]), LITTLE.interface(101, 0, &[])].concat();
    for _ in 0..3 {
        bytes.extend(LITTLE.packet(7, 1, 20, FRAME, &[]));
    }
    let (frames, source) = read(&bytes);
    assert_eq!(frames.len(), 3);
    assert_eq!((frames[0].interface, frames[0].link), (0, LinkType::RAW));
    assert_eq!(source.info().warnings.len(), 1);
    assert!(source.info().warnings[0].contains("packet 1 names interface 7"), "{:?}", source.info().warnings);

    let none = [LITTLE.section(&[]), LITTLE.packet(0, 1, 20, FRAME, &[]), LITTLE.packet(0, 1, 20, FRAME, &[])].concat();
    let (frames, source) = read(&none);
    assert!(frames.is_empty());
    assert_eq!(source.info().warnings.len(), 1);
}

#[test]
fn what_grows_is_announced_before_the_frame_that_needs_it() {
    let mut bytes = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, 20, FRAME, &[])].concat();
    bytes.extend([LITTLE.interface(101, 0, &[]), LITTLE.packet(1, 1, 20, FRAME, &[])].concat());
    let mut source = open(&bytes).unwrap();
    assert_eq!(source.info().interfaces.len(), 1);
    assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.interface == 0));
    assert_eq!(source.stats().frames, 1);
    assert!(matches!(source.next(), Ok(Next::Changed(0))));
    assert_eq!((source.info().interfaces.len(), source.stats().frames), (2, 1));
    assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.interface == 1 && f.number == 2));
    assert!(matches!(source.next(), Ok(Next::End)));
    assert!(matches!(source.next(), Ok(Next::End)));
}

#[test]
fn link_types_that_nobody_can_decode_are_told_at_once() {
    let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 147);
    bytes.extend(LITTLE.pcap_record([1, 0, 20, 20], &[], FRAME));
    let with = |options| FileSource::from_reader(Cursor::new(bytes.clone()), "made", &options);
    let plain = with(OpenOptions::default());
    assert!(matches!(plain, Err(SourceError::UnknownLinkType { link: LinkType(147), .. })));
    let mut forced = with(OpenOptions { force_link: Some(LinkType::RAW), ..OpenOptions::default() }).unwrap();
    assert_eq!(forced.info().interfaces[0].link, Some(LinkType::RAW));
    assert_eq!(drain(&mut forced).0[0].link, LinkType::RAW);
    assert!(with(OpenOptions { allow_unknown_link: true, ..OpenOptions::default() }).is_ok());
}

#[test]
fn a_pcapng_file_is_refused_at_its_end_and_only_if_no_frame_was_decodable() {
    let packet = |interface| LITTLE.packet(interface, 1, 20, FRAME, &[]);
    let (odd, ethernet, section) = (LITTLE.interface(147, 0, &[]), LITTLE.interface(1, 0, &[]), LITTLE.section(&[]));
    let drained = |bytes: Vec<u8>| {
        let mut source = FileSource::from_reader(Cursor::new(bytes), "made", &OpenOptions::default()).unwrap();
        let (frames, error) = drain(&mut source);
        (frames.iter().map(|f| f.link.0).collect::<Vec<_>>(), error.map(|e| e.to_string()))
    };
    let late = [&section[..], &odd, &packet(0), &ethernet, &packet(1)].concat();
    assert_eq!(drained(late), (vec![147, 1], None), "the second interface comes after the first packet");
    let sections = [&section[..], &odd, &packet(0), &section, &ethernet, &packet(0)].concat();
    assert_eq!(drained(sections), (vec![147, 1], None));
    let refused = Some("made uses link type 147, which cannot be decoded".to_owned());
    assert_eq!(drained([&section[..], &odd, &packet(0), &packet(0)].concat()), (vec![147, 147], refused.clone()));
    let unused = [&section[..], &odd, &ethernet, &packet(0)].concat();
    assert_eq!(drained(unused), (vec![147], refused), "an interface without frames helps nobody");
    assert_eq!(drained([&section[..], &odd].concat()), (vec![], None), "nothing was left out");
}

/// Gives its pieces one after another, as a pipe does whose writer pauses.
struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(piece) = self.0.first_mut() else { return Ok(0) };
        let n = piece.len().min(into.len());
        into[..n].copy_from_slice(&piece[..n]);
        piece.drain(..n);
        self.0.retain(|p| !p.is_empty());
        Ok(n)
    }
}

#[test]
fn a_pipe_that_pauses_after_the_section_header_is_read_like_the_file() {
    let (head, rest) = (LITTLE.section(&[]), [LITTLE.interface(147, 0, &[]), LITTLE.packet(0, 1, 20, FRAME, &[])].concat());
    let pieces = Pieces(vec![head, rest]);
    let mut source = FileSource::from_reader(pieces, "pipe", &OpenOptions::default()).unwrap();
    assert_eq!(source.info().interfaces.len(), 1, "the interface is known when the file is open");
    let (frames, error) = drain(&mut source);
    assert!(frames.len() == 1 && matches!(error, Some(SourceError::UnknownLinkType { .. })), "{error:?}");
}

#[test]
fn options_of_a_wrong_length_are_told_and_never_kept() {
    for (code, value) in [(8, &[1, 2, 3, 4][..]), (9, &[]), (9, &[9, 9]), (13, &[]), (14, &[1, 2, 3])] {
        let interface = LITTLE.interface(1, 0, &LITTLE.option(code, value));
        let (frames, source) = read(&[LITTLE.section(&[]), interface, LITTLE.packet(0, 7, 20, FRAME, &[])].concat());
        let warnings = &source.info().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("wrong length"), "{code}: {warnings:?}");
        assert!(source.info().interfaces[0].other.bytes.is_empty(), "{code}");
        assert_eq!(frames[0].nanos, 7000, "{code}");
    }
}

#[test]
fn options_and_names_that_do_not_fit_are_told_wherever_they_stand() {
    let too_long = [1, 0, 0xff, 0, b'x', 0, 0, 0];
    let (good, interface) = (LITTLE.section(&[]), LITTLE.interface(1, 0, &[]));
    let statistics = |options: &[u8]| LITTLE.block(5, &[&LITTLE.words_of(&[0, 0, 9])[..], options].concat());
    for bytes in [
        LITTLE.section(&too_long),
        [&good[..], &LITTLE.block(4, &too_long)].concat(),
        [&good[..], &LITTLE.block(4, &LITTLE.option(1, &[10, 0]))].concat(),
        [&good[..], &LITTLE.block(4, &[&[0; 4], &too_long[..]].concat())].concat(),
        [&good[..], &interface, &statistics(&too_long)].concat(),
        [&good[..], &interface, &statistics(&LITTLE.option(4, &[1]))].concat(),
    ] {
        let (_, source) = read(&bytes);
        let warnings = &source.info().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("do not fit"), "{warnings:?}");
    }
}

#[test]
fn files_that_are_no_captures() {
    let error = |bytes: &[u8]| open(bytes).err();
    assert!(matches!(error(b""), Some(SourceError::Empty { .. })));
    let Some(SourceError::NotACapture { starts_with, .. }) = error(b"root:x:0:0:root:/root:/bin/bash") else { panic!() };
    assert_eq!(starts_with, b"root:x:0:0:root:");
    assert!(matches!(error(b"\xd4"), Some(SourceError::NotACapture { .. })));
    let cut = error(&classic(LITTLE, 0xa1b2_c3d4)[..9]).map(|e| e.to_string());
    assert_eq!(cut.as_deref(), Some("made: ends in the middle of the file header (15 of 24 bytes missing) at byte 9"));
    let directory = file::open(std::env::temp_dir().as_path(), &OpenOptions::default());
    assert!(matches!(directory, Err(SourceError::IsDirectory { .. })));
    let missing = file::open("/no/such/file.pcap".as_ref(), &OpenOptions::default());
    assert!(matches!(missing, Err(SourceError::Io { operation: "cannot open", .. })));
}

#[test]
fn a_file_with_nothing_but_a_header_is_good() {
    assert!(read(&classic(BIG, 0xa1b2_3c4d)[..24]).0.is_empty());
    assert!(read(&LITTLE.section(&[])).0.is_empty());
    assert!(read(&[LITTLE.section(&[]), LITTLE.interface(1, 0, &[])].concat()).0.is_empty());
}

/// How the file at hand ends, in words.
fn end_of(bytes: &[u8]) -> (usize, String) {
    let mut source = open(bytes).unwrap();
    let (frames, error) = drain(&mut source);
    if let Some(SourceError::Damaged { frames: told, .. }) = &error {
        assert_eq!(*told, frames.len() as u64);
    }
    (frames.len(), error.map(|e| e.to_string()).unwrap_or_default())
}

#[test]
fn the_place_of_a_cut_is_told() {
    let bytes = classic(LITTLE, 0xa1b2_c3d4);
    assert_eq!(
        end_of(&bytes[..bytes.len() - 17]),
        (2, "made: ends in the middle of packet 3 (17 of 20 bytes missing) at byte 115".to_owned())
    );
    assert_eq!(
        end_of(&bytes[..bytes.len() - 25]),
        (2, "made: ends in the middle of the header of packet 3 (5 of 16 bytes missing) at byte 107".to_owned())
    );
    let ng = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, 20, FRAME, &[])].concat();
    assert_eq!(
        end_of(&ng[..ng.len() - 1]),
        (0, "made: ends in the middle of packet 1 (1 of 52 bytes missing) at byte 99".to_owned())
    );
}

#[test]
fn nonsense_in_the_middle_ends_the_reading_with_its_place() {
    let good = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, 20, FRAME, &[])].concat();
    for (block, words) in [
        (LITTLE.words_of(&[6, 13, 0, 0]), "holds a block (type 6) of length 13, which is no multiple of 4 at byte 104"),
        (LITTLE.words_of(&[0, 0, 0, 0]), "holds a block (type 0) of length 0, less than its own framing at byte 104"),
        (
            LITTLE.words_of(&[6, 0xffff_fff0, 0, 0]),
            "holds a block (type 6) of length 4294967280, where 268435456 is the limit at byte 104",
        ),
        (
            LITTLE.words_of(&[99, 16, 0, 20]),
            "holds a block (type 99) that gives its length as 16 before and 20 after its body at byte 112",
        ),
        (
            LITTLE.block(6, &LITTLE.words_of(&[0, 0, 0, 0xffff_ffff, 0])),
            "claims 4294967295 bytes for packet 2 in a block with room for 0 at byte 108",
        ),
        (LITTLE.block(6, &[0; 8]), "holds packet 2 in a block (type 6) of length 20, too short for one at byte 104"),
        (LITTLE.block(0x0a0d_0d0a, &[0; 16]), "holds a section header with no byte-order magic in it at byte 108"),
    ] {
        let (frames, error) = end_of(&[good.as_slice(), &block].concat());
        assert_eq!((frames, error), (1, format!("made: {words}")));
    }
    let mut huge = classic(LITTLE, 0xa1b2_c3d4);
    huge.extend(LITTLE.pcap_record([1, 0, 300_000, 300_000], &[], FRAME));
    assert_eq!(
        end_of(&huge),
        (3, "made: packet 4 claims 300000 bytes, where 262144 are the most possible at byte 140".to_owned())
    );
}

#[test]
fn a_claimed_length_is_told_with_what_is_missing() {
    // 200 MB are claimed, 16 bytes are there.
    let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 0, 1);
    bytes.extend(LITTLE.pcap_record([1, 0, 200_000_000, 200_000_000], &[], FRAME));
    let (frames, error) = end_of(&bytes);
    assert_eq!((frames, error.contains("199999980 of 200000000 bytes missing")), (0, true), "{error}");
}

#[test]
fn a_block_larger_than_the_buffer_is_read() {
    let data = vec![7; 3_000_000];
    let bytes = [LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, 3_000_000, &data, &[])].concat();
    let (frames, _) = read(&[bytes.as_slice(), &LITTLE.packet(0, 2, 20, FRAME, &[])].concat());
    assert_eq!((frames[0].bytes.len(), frames[1].bytes.len()), (3_000_000, 20));
}

fn compress(format: &str, bytes: &[u8]) -> Vec<u8> {
    match format {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "zst" => zstd::encode_all(bytes, 1).unwrap(),
        "lz4" => {
            // The smallest blocks: of an unfinished block nothing can be had.
            let blocks = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(blocks, Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => {
            let mut packed = Vec::new();
            liblzma::read::XzEncoder::new(bytes, 1).read_to_end(&mut packed).unwrap();
            packed
        }
    }
}

/// A classic file of `n` packets whose bytes do not compress to nothing.
fn many(n: u32) -> Vec<u8> {
    let mut out = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 101);
    let mut rng = Rng::new(1, 43);
    for i in 0..n {
        let data: Vec<u8> = (0..60).map(|_| rng.next() as u8).collect();
        out.extend(LITTLE.pcap_record([i, 0, 60, 60], &[], &data));
    }
    out
}

#[test]
fn compressed_files_of_several_members_are_read_to_their_end() {
    let plain = many(30_000);
    let (expected, _) = read(&plain);
    let (front, back) = plain.split_at(plain.len() / 3);
    for format in ["gz", "zst", "lz4", "xz"] {
        let packed = [compress(format, front), compress(format, back)].concat();
        let (frames, source) = read(&packed);
        assert_eq!(frames.len(), expected.len(), "{format}");
        assert!(frames == expected, "{format}");
        assert_eq!(source.stats().bytes_read, packed.len() as u64, "{format}: progress counts compressed bytes");
        let here = OpenOptions { thread: false, ..OpenOptions::default() };
        let mut source = FileSource::from_reader(Cursor::new(packed), "made", &here).unwrap();
        assert!(drain(&mut source).0 == expected, "{format} without a thread");
    }
}

#[test]
fn padding_and_skippable_frames_around_compressed_data_are_passed_over() {
    let plain = many(3000);
    let (expected, _) = read(&plain);
    let (front, back) = plain.split_at(plain.len() / 3);
    let skippable = [&[0x5e, 0x2a, 0x4d, 0x18, 0, 8, 0, 0][..], &[0xee; 2048], &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]].concat();
    for (format, between) in [("gz", vec![0; 700_000]), ("zst", skippable.clone()), ("lz4", skippable)] {
        let (front, back) = (compress(format, front), compress(format, back));
        let mut packed = [&front[..], &between, &back, &between].concat();
        if format != "gz" {
            packed = [&between, &packed[..]].concat();
        }
        for slow in [false, true] {
            let bytes = Cursor::new(packed.clone());
            let reader: Box<dyn Read + Send> = if slow { Box::new(Dribble(bytes)) } else { Box::new(bytes) };
            let options = OpenOptions { thread: !slow, ..OpenOptions::default() };
            let mut source = FileSource::from_reader(reader, "made", &options).unwrap();
            let (frames, error) = drain(&mut source);
            assert!(error.is_none() && frames == expected, "{format} {slow}: {} {error:?}", frames.len());
        }
        let cut = if format == "gz" { [&packed[..], b"junk"].concat() } else { packed[..packed.len() - 3].to_vec() };
        let (frames, error) = drain(&mut open(&cut).unwrap());
        assert!(frames.len() > 1000 && matches!(error, Some(SourceError::Damaged { .. })), "{format}: {error:?}");
    }
}

#[test]
fn a_cut_compressed_file_gives_what_came_before_and_then_one_error() {
    let plain = many(20_000);
    let (expected, _) = read(&plain);
    for format in ["gz", "zst", "lz4", "xz"] {
        let packed = compress(format, &plain);
        for keep in [packed.len() / 2, packed.len() * 3 / 4, packed.len() - 1] {
            let mut source = open(&packed[..keep]).unwrap();
            let (frames, error) = drain(&mut source);
            assert!(frames.len() > 1000 && frames[..] == expected[..frames.len()], "{format} {keep}: {}", frames.len());
            let Some(SourceError::Damaged { what, .. }) = error else { panic!("{format} cut at {keep}: {error:?}") };
            assert!(what.contains("ends in the middle of its"), "{format}: {what}");
        }
    }
}

#[test]
fn every_cut_of_a_small_compressed_file_is_noticed() {
    for format in ["gz", "zst", "lz4", "xz"] {
        let packed = compress(format, &classic(LITTLE, 0xa1b2_c3d4));
        assert_eq!(read(&packed).0.len(), 3);
        for keep in 6..packed.len() {
            let noticed = match open(&packed[..keep]) {
                Ok(mut source) => drain(&mut source).1.is_some(),
                Err(_) => true,
            };
            assert!(noticed, "{format} cut to {keep} of {}", packed.len());
        }
    }
}

#[test]
fn every_cut_of_a_plain_file_gives_its_packets_or_one_error() {
    for bytes in [classic(BIG, 0xa1b2_cd34), classic(LITTLE, 0xa1b2_3c4d), everything()] {
        let (whole, _) = read(&bytes);
        let mut ends_between = 0;
        for keep in 0..bytes.len() {
            let Ok(mut source) = open(&bytes[..keep]) else { continue };
            let (frames, error) = drain(&mut source);
            assert_eq!(frames[..], whole[..frames.len()]);
            ends_between += usize::from(error.is_none());
        }
        assert!(ends_between >= 3 && ends_between < bytes.len() / 4, "{ends_between} of {}", bytes.len());
    }
}

/// Gives its bytes one at a time, as a slow pipe does.
struct Dribble(Cursor<Vec<u8>>);

impl Read for Dribble {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let one = into.len().min(1);
        self.0.read(&mut into[..one])
    }
}

#[test]
fn a_pipe_that_dribbles_gives_the_same() {
    let (expected, _) = read(&everything());
    let options = OpenOptions::default();
    let mut source = FileSource::from_reader(Dribble(Cursor::new(everything())), "pipe", &options).unwrap();
    assert_eq!(drain(&mut source).0, expected);
}

/// Fails after its bytes, as a broken disk does.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::other("the disk is broken")),
            n => Ok(n),
        }
    }
}

#[test]
fn a_disk_that_fails_is_no_damaged_file() {
    for bytes in [many(2000), compress("gz", &many(2000)), compress("zst", &many(2000))] {
        let cut = bytes[..bytes.len() - 3].to_vec();
        let mut source = FileSource::from_reader(Broken(Cursor::new(cut)), "disk", &OpenOptions::default()).unwrap();
        let (frames, error) = drain(&mut source);
        assert!(frames.len() > 1000);
        assert!(matches!(error, Some(SourceError::Io { operation: "cannot read", .. })), "{error:?}");
    }
}

#[test]
fn garbage_after_a_magic_of_compression_is_told() {
    for magic in [&b"\x1f\x8b\x08"[..], b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xfd7zXZ\0"] {
        let error = open(&[magic, &[0xee; 100]].concat()).err();
        assert!(matches!(error, Some(SourceError::Damaged { .. })), "{magic:?}: {error:?}");
    }
}
