//! The `pcap-file` crate beside ours, where it is right: decimal resolutions up to nanoseconds, declared interfaces, whole
//! files. Where it is wrong (binary and finer resolutions, damaged files), [`crate::property`] computes for itself.

use crate::made::{BIG, Kept, LITTLE, read};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use proptest::collection::vec;
use proptest::prelude::*;
use sockeye::model::{FileFormat, Frame, LinkType, Timestamp};
use sockeye::output::pcap::{PcapConfig, PcapWriter};

/// Nanoseconds, captured bytes, length on the wire.
type Seen = (i64, Vec<u8>, u32);

fn ours(bytes: &[u8]) -> Vec<Seen> {
    read(bytes).0.into_iter().map(|Kept { nanos, bytes, wire_len, .. }| (nanos, bytes, wire_len)).collect()
}

fn theirs_pcap(bytes: &[u8]) -> Vec<Seen> {
    let mut reader = PcapReader::new(bytes).unwrap();
    let mut seen = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        seen.push((packet.timestamp().as_nanos() as i64, packet.data().to_vec(), packet.orig_len()));
    }
    seen
}

fn theirs_pcapng(bytes: &[u8]) -> Vec<Seen> {
    let mut reader = PcapNgReader::new(bytes).unwrap();
    let mut seen = Vec::new();
    while let Some(block) = reader.next_block() {
        if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
            seen.push((packet.timestamp.as_nanos() as i64, packet.data.to_vec(), packet.original_len));
        }
    }
    seen
}

proptest! {
    #[test]
    fn classic_files(big: bool, nanos: bool, packets in vec((0..u32::MAX, 0..1_000_000_u32, vec(any::<u8>(), 0..80), 0..99_u32), 0..12)) {
        let b = if big { BIG } else { LITTLE };
        let mut file = b.pcap_header(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }, (2, 4), 65_535, 1);
        for (seconds, fraction, data, more) in &packets {
            let len = data.len() as u32;
            file.extend(b.pcap_record([*seconds, *fraction, len, len + more], &[], data));
        }
        prop_assert_eq!(ours(&file), theirs_pcap(&file));
    }

    #[test]
    fn pcapng_files(big: bool, resolution in 0..=9_u8, packets in vec((0..2_u32, 0..9_000_000_000_u64, vec(any::<u8>(), 0..80)), 0..12)) {
        let b = if big { BIG } else { LITTLE };
        let resolution = b.option(9, &[resolution]);
        let mut file = [b.section(&[]), b.interface(1, 0, &[]), b.interface(101, 0, &resolution)].concat();
        for (interface, ticks, data) in &packets {
            file.extend(b.packet(*interface, *ticks, data.len() as u32, data, &[]));
        }
        prop_assert_eq!(ours(&file), theirs_pcapng(&file));
    }

    #[test]
    fn they_read_what_we_write(nanoseconds: bool, packets in vec((0..4_000_000_000_000_000_000_i64, vec(any::<u8>(), 0..80)), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        for format in [FileFormat::Pcap { nanoseconds }, FileFormat::PcapNg] {
            let path = folder.path().join(format!("{format:?}"));
            let config = PcapConfig::new(format);
            let mut writer = PcapWriter::create(&path, &config).unwrap();
            for (nanos, data) in &packets {
                let (ts, wire_len) = (Timestamp::from_nanos(*nanos), data.len() as u32);
                let frame = Frame {
                    number: 1, source: 0, interface: 0, ts, link: LinkType::RAW, wire_len, bytes: data, direction: None, options: None,
                    marks: sockeye::model::FrameMarks::NONE,
                };
                writer.write(&frame).unwrap();
            }
            writer.finish().unwrap();
            let file = std::fs::read(&path).unwrap();
            let theirs = if format == FileFormat::PcapNg { theirs_pcapng(&file) } else { theirs_pcap(&file) };
            prop_assert_eq!(ours(&file), theirs);
        }
    }
}
