//! `explain --packet`: the headers of one frame, and nothing that is none of the packet.

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use std::fs;
use std::path::{Path, PathBuf};

/// A capture of one frame of Ethernet, filled up to 60 bytes.
fn capture(folder: &Path, name: &str, second: u32, ethertype: u16, packet: &[u8]) -> PathBuf {
    let mut frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2].to_vec();
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame.resize(frame.len().max(60), 0xee);
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1, second, 0, frame.len() as u32, frame.len() as u32] {
        file.extend(word.to_le_bytes());
    }
    file.extend(frame);
    let path = folder.join(name);
    fs::write(&path, file).expect("a file");
    path
}

/// A datagram of two bytes of data to 10.0.0.2.
fn datagram(from: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 30, 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend(from);
    packet.extend([10, 0, 0, 2, 0x03, 0xe8, 0x07, 0xd0, 0, 10, 0, 0, b'a', b'b']);
    packet
}

#[track_caller]
fn explained(files: &[&Path]) -> String {
    let mut command = sockeye();
    command.args(["explain", "--packet", "1"]);
    for file in files {
        command.arg("-r").arg(file);
    }
    let ran = run(&mut command);
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    ran.stdout
}

#[test]
fn padding_of_the_frame_is_no_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = explained(&[&capture(folder.path(), "a.pcap", 1, 0x0800, &datagram([10, 0, 0, 1]))]);
    let data = text.lines().find(|line| line.contains("  data  ")).expect("data");
    assert!(data.contains("16 bits") && data.contains("6162 ") && data.ends_with("2 bytes"), "{data}");
    let padding = text.lines().find(|line| line.contains("  padding  ")).expect("padding");
    assert!(padding.contains("16 bytes") && padding.contains("eeee"), "{padding}");
}

#[test]
fn of_several_files_it_is_the_packet_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = capture(folder.path(), "first.pcap", 9, 0x0800, &datagram([10, 0, 0, 1]));
    let second = capture(folder.path(), "second.pcap", 1, 0x0800, &datagram([10, 9, 9, 9]));
    let text = explained(&[&first, &second]);
    assert!(text.contains("10.0.0.1") && !text.contains("10.9.9.9"), "{text}");
}

#[test]
fn addresses_of_other_lengths_are_not_cut_as_if_they_were_of_ethernet() {
    let folder = tempfile::tempdir().expect("a folder");
    // IEEE 1394 (RFC 2734): hardware addresses of 16 bytes.
    let arp = [&[0, 24, 8, 0, 16, 4, 0, 1][..], &[7; 16], &[10, 0, 0, 1], &[7; 16], &[10, 0, 0, 2]].concat();
    let text = explained(&[&capture(folder.path(), "arp.pcap", 1, 0x0806, &arp)]);
    assert!(text.contains("16 bytes") && text.contains("addresses") && !text.contains("7.7.7.7"), "{text}");
}
