//! What goes wrong: a disk that is full, a capture that is damaged, a run that is stopped.

use super::{captures_in, packets, packets_of};
use crate::program::{capture, run, sockeye};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system, gone with it.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder.path()).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: no file system can be mounted here");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_whole_files_and_says_how_many() {
    for (flags, size) in
        [("--by flow", "60k"), ("--by state", "100k"), ("--by flow --write-format pcap", "100k"), ("", "100k,nr_inodes=6")]
    {
        let Some(disk) = Disk::mount(size) else { return };
        let parts = disk.0.path().join("parts");
        let tour = capture("tour.pcapng");
        let ran = run(sockeye().args(["split", "-r"]).arg(&tour).arg("-o").arg(&parts).args(flags.split_whitespace()));
        assert_eq!(ran.code(), Some(1), "{flags} {size}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(": disk full; ") && ran.stderr.contains(" are complete\n  "),
            "{flags} {size}: {}",
            ran.stderr
        );
        let all = packets(std::slice::from_ref(&tour));
        let written: usize = captures_in(&parts)
            .iter()
            .map(|file| {
                let packets = packets_of(file);
                assert!(packets.iter().all(|packet| all.contains_key(packet)), "{}", file.display());
                packets.len()
            })
            .sum();
        // `N packets that had been read are in no file`: with those that are in files they are all that was read.
        let number =
            |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse::<usize>().expect("a number");
        let help = ran.stderr.lines().nth(1).expect("a second line");
        let lost = number(help.rsplit("; ").next().expect("text"));
        assert!(written + lost <= 303 && lost > 0, "{written} written: {}", ran.stderr);
        let index = fs::read_to_string(parts.join("index.jsonl")).unwrap_or_default();
        assert!(!index.contains("\"type\":\"end\""), "the index is not complete, and does not say so");
    }
}

#[test]
fn a_damaged_capture_is_split_up_to_the_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.pcap");
    let bytes = fs::read(capture("http-get.pcap")).expect("a capture");
    fs::write(&cut, &bytes[..bytes.len() - 40]).expect("written");
    for by in ["flow", "host"] {
        let parts = folder.path().join(by);
        let ran = run(sockeye().args(["split", "--by", by, "-r"]).arg(&cut).arg("-o").arg(&parts));
        assert_eq!(ran.code(), Some(5), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("ends in the middle of packet").count(), 1, "{}", ran.stderr);
        let all = run(sockeye().args(["packets", "--count", "-r"]).arg(&cut)).stdout;
        let there = format!("{} packets\n", packets_of_all(&captures_in(&parts)));
        assert_eq!(if by == "flow" { there } else { all.clone() }, all);
    }
}

fn packets_of_all(files: &[PathBuf]) -> usize {
    files.iter().map(|file| packets_of(file).len()).sum()
}

#[test]
fn what_somebody_else_changes_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let parts = folder.path().join("parts");
    let mut command = sockeye();
    command.args(["split", "--max-memory", "64m", "-r"]).arg(&fifo).arg("-o").arg(&parts);
    let child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut writer = fs::File::options().write(true).open(&fifo).expect("a reader");
    std::io::Write::write_all(&mut writer, &conversation(500)).expect("read");
    // Others come between, so that its file was closed when it goes on.
    for other in 0..60 {
        std::io::Write::write_all(&mut writer, &datagrams(1000 + other, 200)).expect("read");
    }
    let first = wait_for_files(&parts, 40);
    fs::File::options()
        .append(true)
        .open(&first)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"))
        .expect("ours");
    let _ = std::io::Write::write_all(&mut writer, &datagrams(1, 2000));
    drop(writer);
    let ran: crate::program::Ran = child.wait_with_output().expect("it ends").into();
    assert!(ran.code() == Some(1) && ran.stderr.contains("somebody else has changed it"), "{}", ran.stderr);
}

/// Waits until so many files were begun, and gives the one of the first conversation.
fn wait_for_files(parts: &Path, files: usize) -> PathBuf {
    for _ in 0..2000 {
        let begun = if parts.exists() { captures_in(parts) } else { Vec::new() };
        if begun.len() >= files {
            return begun.into_iter().find(|file| file.display().to_string().contains("/u1-")).expect("the first");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("no files are written");
}

/// A classic capture of one conversation of so many datagrams of 1,000 bytes.
fn conversation(packets: u32) -> Vec<u8> {
    let mut file = Vec::new();
    sockeye::pcapfile::write::pcap_header(&mut file, false, 65535, sockeye::model::LinkType::RAW, None);
    file.extend(datagrams(1, packets));
    file
}

/// Records of one conversation.
fn datagrams(port: u16, packets: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for number in 0..packets {
        let mut packet = vec![0x45, 0, 4, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend_from_slice(&port.to_be_bytes());
        packet.extend_from_slice(&[0, 9, 3, 236, 0, 0]);
        packet.resize(1024, number as u8);
        for word in [1_700_000_000, number, 1024, 1024] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

#[test]
fn a_run_that_is_stopped_leaves_whole_files_and_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let parts = folder.path().join("parts");
    let mut command = sockeye();
    command.args(["split", "-r"]).arg(&fifo).arg("-o").arg(&parts).stderr(std::process::Stdio::piped());
    let child = command.stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut writer = fs::File::options().write(true).open(&fifo).expect("a reader");
    std::io::Write::write_all(&mut writer, &conversation(100)).expect("read");
    for other in 0..40 {
        std::io::Write::write_all(&mut writer, &datagrams(1000 + other, 200)).expect("read");
    }
    wait_for_files(&parts, 20);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let ran: crate::program::Ran = child.wait_with_output().expect("it ends").into();
    drop(writer);
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    let (files, whole) = super::index(&parts);
    assert!(files.len() >= 20, "{whole}");
    let there = captures_in(&parts);
    assert_eq!((there.len(), packets_of_all(&there) as u64), (files.len(), whole["packets_written"].as_u64().expect("a number")));
}
