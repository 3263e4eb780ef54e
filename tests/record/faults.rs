//! What writing can meet: each fault has its message, its exit code and a summary, and what was written stays whole.

use crate::netns::VETH;
use crate::program::{Ran, capture, sockeye};
use crate::recorder::{Stage, all_numbers, names, numbers, others_read_all, wait_until};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A file system of this size on a folder of its own; gone with it.
struct Disk(PathBuf);

impl Disk {
    fn mount(stage: &Stage, size: &str) -> Self {
        let folder = stage.path().join("disk");
        fs::create_dir(&folder).expect("made");
        let disk = Self(folder);
        let options = format!("size={size}");
        assert!(
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&disk.0).status().expect("mount").success()
        );
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The line of standard error that begins so.
#[track_caller]
fn line<'a>(ran: &'a Ran, start: &str) -> &'a str {
    ran.stderr.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no \"{start}\": {}", ran.stderr))
}

/// The first number of a line.
#[track_caller]
fn number(line: &str) -> u64 {
    let digits: String =
        line.chars().filter(|c| *c != ',').skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{line}"))
}

/// What was seen is saved in whole files, or told to be lost.
#[track_caller]
fn accounted(ran: &Ran, files: &[PathBuf]) {
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    let captured = ran.stderr.lines().find(|line| line.ends_with(" captured")).expect("the closing lines");
    let saved = all_numbers(files);
    assert_eq!(saved, (0..saved.len() as u64).collect::<Vec<_>>());
    let unsaved = number(line(ran, "  the capture has stopped; "));
    assert_eq!(number(captured), saved.len() as u64 + unsaved, "{}", ran.stderr);
    others_read_all(files, |file| numbers(file).0.len());
}

#[test]
fn a_full_disk_ends_it_with_whole_files() {
    for name in ["t.pcap", "t.pcapng"] {
        let Some(stage) = Stage::new() else { return };
        let disk = Disk::mount(&stage, "350k");
        let recording = stage.record(&format!("-w disk/{name} -C 100k"));
        for round in 0..10 {
            stage.send(round * 400..(round + 1) * 400);
            std::thread::sleep(Duration::from_millis(20));
        }
        let ran = recording.end();
        let files = crate::recorder::files_in(&disk.0);
        assert_eq!(files.len(), 4, "{:?}", names(&files));
        let last = format!("sockeye: disk/{}: disk full after ", names(&files)[3]);
        assert!(line(&ran, &last).ends_with("; the file is complete up to there"), "{}", ran.stderr);
        assert_eq!(number(&line(&ran, &last)[last.len()..]), numbers(&files[3]).0.len() as u64);
        accounted(&ran, &files);
    }
}

#[test]
fn a_full_disk_leaves_a_compressed_file_that_is_whole() {
    let Some(stage) = Stage::new() else { return };
    let disk = Disk::mount(&stage, "64k");
    let recording = stage.record("-w disk/t.pcap.zst");
    // Numbers alone can be packed well: it takes many.
    for round in 0..100 {
        stage.send(round * 200..(round + 1) * 200);
        recording.signal("USR2");
        std::thread::sleep(Duration::from_millis(5));
        if recording.stderr().contains("disk full") {
            break;
        }
    }
    let ran = recording.end();
    let told = line(&ran, "sockeye: disk/t.pcap.zst: disk full after ");
    assert!(told.ends_with("; the file is complete up to there"), "{told}");
    accounted(&ran, &crate::recorder::files_in(&disk.0));
}

#[test]
fn a_folder_that_vanishes_ends_it() {
    let Some(stage) = Stage::new() else { return };
    fs::create_dir(stage.path().join("gone")).expect("made");
    let recording = stage.record("-w gone/t.pcap -C 10k");
    stage.send(0..100);
    wait_until("some files", || crate::recorder::files_in(&stage.path().join("gone")).len() > 1);
    let away = stage.path().join("elsewhere");
    fs::rename(stage.path().join("gone"), &away).expect("moved");
    stage.send(100..300);
    let ran = recording.end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    assert!(line(&ran, "sockeye: cannot finish gone/t_0").ends_with(".pcap: No such file or directory (os error 2)"));
    line(&ran, "  the capture has stopped; ");
    assert!(ran.stderr.contains(" packets captured\n"), "{}", ran.stderr);
    // What was written is whole; the last file has its former name.
    let files = crate::recorder::files_in(&away);
    let held = all_numbers(&files);
    assert_eq!(held, (0..held.len() as u64).collect::<Vec<_>>());
    assert!(names(&files).last().is_some_and(|name| name.ends_with(".pcap.part")), "{:?}", names(&files));
}

#[test]
fn a_file_system_that_becomes_read_only_ends_it() {
    let Some(stage) = Stage::new() else { return };
    let disk = Disk::mount(&stage, "10m");
    let recording = stage.record("-w disk/t.pcap -G 1");
    stage.send(0..50);
    let complete = || crate::recorder::files_in(&disk.0).iter().filter(|f| f.extension().is_some_and(|e| e == "pcap")).count();
    wait_until("a first file", || complete() == 1);
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().expect("mount runs");
    assert!(remounted.success());
    stage.send(50..60);
    let ran = recording.end();
    let told = line(&ran, "sockeye: cannot create disk/t_00002_");
    assert!(told.ends_with(".pcap.part: Read-only file system (os error 30)"), "{told}");
    let files = crate::recorder::files_in(&disk.0);
    assert_eq!(files.len(), 1);
    accounted(&ran, &files);
}

#[test]
fn an_interface_that_is_unplugged_leaves_complete_files() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng -C 10k");
    stage.send(0..100);
    std::thread::sleep(Duration::from_millis(400));
    stage.pair.near.ip(&format!("link del {VETH}"));
    let ran = recording.end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    line(&ran, "sockeye: veth0 vanished after 100 packets");
    let files = stage.files();
    assert!(names(&files).iter().all(|name| name.ends_with(".pcapng")), "{:?}", names(&files));
    assert_eq!(all_numbers(&files), (0..100).collect::<Vec<_>>());
}

#[test]
fn the_reader_of_a_fifo_that_goes_away_is_told() {
    let Some(stage) = Stage::new() else { return };
    let fifo = stage.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || {
            let mut header = [0; 24];
            fs::File::open(fifo).expect("opened").read_exact(&mut header).expect("a header");
        }
    });
    let recording = stage.record("-w fifo");
    stage.send(0..1);
    reader.join().expect("read");
    let mut sent = 1;
    wait_until("it is told", || {
        if recording.stderr().contains("its reader went away") {
            return true;
        }
        stage.send(sent..sent + 10);
        sent += 10;
        false
    });
    let ran = recording.end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    line(&ran, "sockeye: fifo: its reader went away after ");
    line(&ran, "  the capture has stopped; ");
    assert!(ran.stderr.contains(" captured\n"), "{}", ran.stderr);
}

/// From a pipe, without rights: what came before the fault is in whole files.
#[test]
fn a_folder_that_vanishes_while_a_pipe_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("gone")).expect("made");
    let bytes = fs::read(capture("tour.pcapng")).expect("read");
    let mut command = sockeye();
    command.args(["capture", "-r", "-", "-w", "gone/t.pcap", "-C", "10k"]).current_dir(folder.path());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(&bytes[..100_000]).expect("written");
    let inside = folder.path().join("gone");
    let complete =
        |folder: &Path| crate::recorder::files_in(folder).iter().filter(|f| f.extension().is_some_and(|e| e == "pcap")).count();
    wait_until("some files", || complete(&inside) > 3);
    let away = folder.path().join("away");
    fs::rename(&inside, &away).expect("moved");
    let _ = pipe.write_all(&bytes[100_000..]);
    drop(pipe);
    let ran = Ran::from(child.wait_with_output().expect("waited"));
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("sockeye: cannot finish gone/t_0"), "{}", ran.stderr);
    assert!(complete(&away) > 3);
}
