//! Files one after the other while capturing: by time though nothing comes, by size and time, on request; and what stands in them.

use crate::recorder::{Stage, all_numbers, files_in, names, numbers, others_read, others_read_all, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Those that are complete.
fn complete(stage: &Stage) -> Vec<PathBuf> {
    stage.files().into_iter().filter(|path| path.extension().is_none_or(|e| e != "part")).collect()
}

/// Files of a run hold these numbers, each once, in order; others read each file.
#[track_caller]
fn hold(files: &[PathBuf], count: u64) {
    assert_eq!(all_numbers(files), (0..count).collect::<Vec<_>>(), "{:?}", names(files));
    others_read_all(files, |file| numbers(file).0.len());
}

#[test]
fn a_period_ends_by_the_clock_and_empty_ones_have_no_file() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng -G 1");
    stage.send(0..3);
    wait_until("the file is complete though nothing more comes", || complete(&stage).len() == 1);
    hold(&complete(&stage), 3);
    // A second file begins with the next packet, and not before.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(stage.files().len(), 1, "{:?}", names(&stage.files()));
    stage.send(3..5);
    wait_until("the next is complete", || complete(&stage).len() == 2);
    recording.interrupt();
    let files = stage.files();
    assert_eq!(files.len(), 2, "{:?}", names(&files));
    hold(&files, 5);
    let numbered: Vec<_> = names(&files).iter().map(|name| name[..8].to_owned()).collect();
    assert_eq!(numbered, ["t_00001_", "t_00002_"]);
}

#[test]
fn by_size_and_time_no_packet_is_lost_or_doubled_between_files() {
    for name in ["t.pcap", "t.pcapng", "t.pcap.zst"] {
        let Some(stage) = Stage::new() else { return };
        let recording = stage.start("packets", &format!("-w {name} -C 50k -G 1"));
        stage.send(0..1500);
        stage.send_slowly(1500..1700, Duration::from_millis(10));
        wait_until("the last period is complete", || complete(&stage).len() == stage.files().len());
        let ran = recording.interrupt();
        let files = stage.files();
        assert!(files.len() > 7, "{:?}", names(&files));
        hold(&files, 1700);
        assert!(ran.stderr.contains("1700 packets captured\n"), "{}", ran.stderr);
    }
}

#[test]
fn the_newest_are_kept_while_it_goes_on() {
    let Some(stage) = Stage::new() else { return };
    fs::write(stage.path().join("t_00000_20200101000000.pcap"), "foreign").expect("written");
    let recording = stage.record("-w t.pcap -C 20k -W 3");
    for round in 0..20 {
        stage.send(round * 100..(round + 1) * 100);
        assert!(stage.files().len() <= 5, "{:?}", names(&stage.files()));
        std::thread::sleep(Duration::from_millis(20));
    }
    recording.interrupt();
    let files = stage.files();
    assert_eq!(files.len(), 4, "{:?}", names(&files));
    assert_eq!(fs::read_to_string(&files[0]).expect("read"), "foreign");
    let kept = all_numbers(&files[1..]);
    assert_eq!(kept, (2000 - kept.len() as u64..2000).collect::<Vec<_>>());
}

/// The last file begins when the sockets are closed already: it must not get the number of one, to which nobody may write.
#[test]
fn a_file_that_begins_at_the_end_is_written_too() {
    for backend in ["ring", "pnet"] {
        for count in [3, 4, 5] {
            let Some(stage) = Stage::new() else { return };
            let recording = stage.record(&format!("--backend {backend} -w t.pcap -C 1k -c {count}"));
            stage.send(0..12);
            let ran = recording.end();
            assert_eq!(ran.code(), Some(0), "{backend} {count}: {}", ran.stderr);
            hold(&stage.files(), count);
        }
    }
}

#[test]
fn a_recording_says_what_is_in_force_when_asked() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-v -w t.pcap");
    let ran = recording.interrupt();
    assert!(ran.stderr.contains("seccomp"), "{}", ran.stderr);
}

#[test]
fn each_file_tells_its_share_of_the_counters() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng -G 1");
    for round in 0..3 {
        stage.send(round * 10..(round + 1) * 10);
        wait_until("complete", || complete(&stage).len() as u64 == round + 1);
    }
    recording.interrupt();
    let files = stage.files();
    hold(&files, 30);
    let (mut received, mut delivered) = (0, 0);
    for file in &files {
        let counters = counters(file);
        assert!(counters.start < counters.end, "{counters:?}");
        assert_eq!((counters.dropped_kernel, counters.accepted), (Some(0), counters.received));
        assert_eq!(counters.delivered, Some(10), "{}", file.display());
        received += counters.received.expect("there");
        delivered += counters.delivered.expect("there");
    }
    assert_eq!((received, delivered), (30, 30));
}

/// Files end faster than counters are read: none says that less was received than is in it, and together they say what was.
#[test]
fn files_that_end_fast_tell_of_their_own_packets_at_least() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng -C 20k");
    stage.send(0..500);
    recording.interrupt();
    let files = stage.files();
    assert!(files.len() > 3, "{:?}", names(&files));
    let each: Vec<_> = files.iter().map(|file| counters(file)).collect();
    assert!(each.iter().all(|c| c.received >= c.delivered && c.accepted >= c.delivered), "{each:?}");
    assert_eq!(each.iter().filter_map(|c| c.received).sum::<u64>(), 500, "{each:?}");
}

fn counters(file: &std::path::Path) -> sockeye::model::InterfaceCounters {
    use sockeye::capture::file::{self, OpenOptions};
    use sockeye::capture::{Next, PacketSource};
    let mut source = file::open(file, &OpenOptions::default()).expect("a capture");
    while !matches!(source.next(), Ok(Next::End)) {}
    source.info().interfaces[0].counters.expect("statistics")
}

#[test]
fn a_hangup_begins_the_next_file() {
    // By the name of the first; whether rotation is asked for does not matter.
    for (line, first) in [("-w t.pcapng", "t.pcapng"), ("-w t.pcapng -G 1h", "t_00001_")] {
        let Some(stage) = Stage::new() else { return };
        let recording = stage.record(line);
        stage.send(0..10);
        recording.signal("USR2");
        wait_until("written", || stage.files().first().is_some_and(|file| numbers(file).0.len() == 10));
        recording.signal("HUP");
        // Of several files the next begins with its first packet.
        wait_until("the next file is there", || line.contains("-G") || stage.files().len() == 2);
        wait_until("the first is complete", || !complete(&stage).is_empty());
        stage.send(10..15);
        recording.interrupt();
        let mut files = stage.files();
        // t.pcapng sorts behind t_00002…
        files.sort_by_key(|file| numbers(file).0.first().copied());
        hold(&files, 15);
        let names = names(&files);
        assert!(names[0].starts_with(first) && names[1].starts_with("t_00002_"), "{names:?}");
    }
}

#[test]
fn hangups_without_packets_make_no_files_that_push_out_others() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcap -G 1h -W 1");
    for round in 0..3 {
        recording.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
        if round == 0 {
            stage.send(0..10);
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    recording.interrupt();
    hold(&stage.files(), 10);
    assert_eq!(stage.files().len(), 1);
}

/// As logrotate works: move the file away, send SIGHUP.
#[test]
fn a_file_that_was_moved_away_begins_anew() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcap");
    stage.send(0..10);
    recording.signal("USR2");
    let file = stage.path().join("t.pcap");
    wait_until("written", || numbers(&file).0.len() == 10);
    let moved = stage.path().join("t.pcap.1");
    fs::rename(&file, &moved).expect("moved");
    recording.signal("HUP");
    wait_until("it is there again", || file.is_file());
    stage.send(10..20);
    recording.interrupt();
    hold(&[moved, file], 20);
    assert_eq!(stage.files().len(), 2);
}

#[test]
fn asked_to_a_compressed_file_can_be_read_so_far() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng.zst");
    for round in 1..=3 {
        stage.send((round - 1) * 10..round * 10);
        std::thread::sleep(Duration::from_millis(50));
        recording.signal("USR2");
        let file = stage.path().join("t.pcapng.zst");
        wait_until("readable", || numbers(&file).0.len() as u64 == 10 * round);
        others_read(&file, 10 * round as usize);
    }
    recording.interrupt();
    hold(&stage.files(), 30);
}

/// Packets come all the time and the capture never pauses; nobody asks for a flush.
#[test]
fn killed_it_leaves_what_was_flushed_by_the_clock() {
    for name in ["t.pcap", "t.pcapng", "t.pcapng.zst"] {
        let Some(stage) = Stage::new() else { return };
        let recording = stage.record(&format!("-w {name} -G 1h"));
        let (done, until) = (std::sync::atomic::AtomicBool::new(false), 100_000);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..until {
                    if done.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    stage.send_slowly(number..number + 1, Duration::from_millis(5));
                }
            });
            let flushed = || stage.files().first().map_or(0, |file| numbers(file).0.len());
            wait_until("a first flush", || flushed() > 0);
            let first = flushed();
            wait_until("another", || flushed() > first + 50);
            let before = flushed();
            recording.signal("KILL");
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            let files = files_in(stage.path());
            assert_eq!(files.len(), 1);
            assert!(files[0].extension().is_some_and(|e| e == "part"), "{files:?}");
            wait_until("it is dead", || {
                let left = numbers(&files[0]).0;
                left.len() >= before && left == (0..left.len() as u64).collect::<Vec<_>>()
            });
        });
        let ran = recording.end();
        assert_eq!(ran.signal(), Some(9));
        let part = &stage.files()[0];
        let plain = part.with_extension("");
        fs::rename(part, &plain).expect("renamed");
        others_read(&plain, numbers(&plain).0.len());
    }
}

#[test]
fn terminated_the_last_file_is_complete() {
    let Some(stage) = Stage::new() else { return };
    let recording = stage.record("-w t.pcapng -C 10k -z true");
    stage.send(0..200);
    std::thread::sleep(Duration::from_millis(300));
    recording.signal("TERM");
    let ran = recording.end();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("200 packets captured\n"), "{}", ran.stderr);
    hold(&stage.files(), 200);
}

/// A command for `-z` in the folder beside the files.
fn command(stage: &Stage, text: &str) -> PathBuf {
    let path = stage.path().join("command");
    fs::create_dir_all(stage.path().join("files")).expect("made");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    path
}

#[test]
fn a_file_goes_when_its_command_is_done_and_not_with_the_next_file_only() {
    let Some(stage) = Stage::new() else { return };
    let command = command(&stage, "sleep 0.2");
    let recording = stage.record(&format!("-w files/t.pcap -C 1k -W 1 -z {}", command.display()));
    stage.send(0..12);
    // The one being written is all that is kept, and no other begins.
    wait_until("those before are gone", || names(&files_in(&stage.path().join("files"))).len() == 1);
    recording.interrupt();
}

#[test]
fn files_that_wait_for_a_command_that_hangs_are_told() {
    let Some(stage) = Stage::new() else { return };
    let command = command(&stage, "until test -e gate; do sleep 0.05; done");
    let recording = stage.record(&format!("-w files/t.pcap -C 1k -W 1 -z {}", command.display()));
    stage.send(0..40);
    wait_until("it is told", || recording.stderr().contains(" files wait for -z "));
    assert!(recording.stderr().contains(": -W and --keep-bytes cannot remove them yet\n"), "{}", recording.stderr());
    recording.signal("INT");
    wait_until("the wait is told", || recording.stderr().contains("sockeye: waiting for -z "));
    let told = recording.stderr();
    assert!(told.find("40 packets captured\n") < told.find("sockeye: waiting for -z ") && told.contains("40 packets"), "{told}");
    fs::write(stage.path().join("gate"), "").expect("written");
    let ran = recording.end();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("40 packets captured\n").count(), 1, "{}", ran.stderr);
    assert_eq!(names(&files_in(&stage.path().join("files"))).len(), 1);
}

#[test]
fn a_second_interrupt_begins_no_more_commands() {
    let Some(stage) = Stage::new() else { return };
    let command = command(&stage, "echo \"$1\" >> begun; until test -e gate; do sleep 0.05; done; echo \"$1\" >> done");
    let mut recording = stage.record(&format!("-w files/t.pcap -C 1k -z {}", command.display()));
    stage.send(0..40);
    let lines = |name: &str| fs::read_to_string(stage.path().join(name)).map_or(0, |text| text.lines().count());
    wait_until("four run", || lines("begun") == 4);
    recording.signal("INT");
    wait_until("the wait is told", || recording.stderr().contains("sockeye: waiting for -z "));
    recording.signal("INT");
    assert_eq!(recording.ended().code(), Some(130));
    fs::write(stage.path().join("gate"), "").expect("written");
    let told = || recording.stderr().contains(" files got no command: the run was ended first\n");
    wait_until("those that run end, and what else was to come is told", || lines("done") == 4 && told());
    assert_eq!(lines("begun"), 4);
}
