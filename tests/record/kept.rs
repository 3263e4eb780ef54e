//! Which files stay, and that nothing else is touched: neither files of others nor those of an earlier run. And `-z`.

use crate::program::{capture, run_in};
use crate::recorder::{files_in, names};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn tour() -> String {
    capture("tour.pcapng").display().to_string()
}

fn cut(folder: &Path, flags: &str) -> Vec<String> {
    let ran = run_in(folder, &format!("capture -r {} {flags}", tour()));
    assert_eq!(ran.code(), Some(0), "{flags}: {}", ran.stderr);
    // That files are gone is told, and nothing else.
    let limited = flags.contains("-W") || flags.contains("--keep");
    assert_eq!(ran.stderr.contains(", and removed the oldest "), limited, "{flags}: {}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), usize::from(limited), "{flags}: {}", ran.stderr);
    names(&files_in(folder))
}

#[test]
fn the_newest_files_are_kept() {
    let (all, some) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let all_names = cut(all.path(), "-w t.pcap -C 20k");
    let kept = cut(some.path(), "-w t.pcap -C 20k -W 3");
    assert_eq!(kept, all_names[all_names.len() - 3..]);
    for name in &kept {
        let read = |folder: &Path| fs::read(folder.join(name)).expect("read");
        assert_eq!(read(some.path()), read(all.path()));
    }
}

#[test]
fn so_many_bytes_of_the_newest_are_kept() {
    let (all, some) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let all_names = cut(all.path(), "-w t.pcap -C 20k");
    let kept = cut(some.path(), "-w t.pcap -C 20k --keep-bytes 70k");
    assert_eq!(kept, all_names[all_names.len() - kept.len()..]);
    let sizes = |names: &[String]| -> u64 { names.iter().map(|n| fs::metadata(all.path().join(n)).expect("there").len()).sum() };
    assert!(sizes(&kept) <= 70 << 10, "{kept:?}");
    assert!(sizes(&all_names[all_names.len() - kept.len() - 1..]) > 70 << 10, "one more would not have been too much");
    // With both, the stricter one holds.
    let both = tempfile::tempdir().expect("a folder");
    assert_eq!(cut(both.path(), "-w t.pcap -C 20k --keep-bytes 70k -W 2"), kept[kept.len() - 2..]);
}

#[test]
fn the_newest_file_stays_though_it_alone_is_more_than_is_to_be_kept() {
    let (all, some) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let all_names = cut(all.path(), "-w t.pcap -G 1");
    assert_eq!(cut(some.path(), "-w t.pcap -G 1 --keep-bytes 50"), all_names[all_names.len() - 1..]);
}

#[test]
fn what_others_made_stays_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = cut(folder.path(), "-w t.pcap -C 60k");
    for name in ["t_00000_20200101000000.pcap", "t.pcap", "t_00001.pcap"] {
        fs::write(folder.path().join(name), "foreign").expect("written");
    }
    let before: Vec<_> = files_in(folder.path()).into_iter().map(|path| (path.clone(), fs::read(path).expect("read"))).collect();
    // The same names again: a part of an earlier run that was killed is in the way, too.
    fs::write(folder.path().join("t_00002_20261120231507_00002.pcap.part"), "torn").expect("written");
    let after = cut(folder.path(), "-w t.pcap -C 60k -W 2");
    for (path, bytes) in before {
        assert_eq!(fs::read(&path).expect("still there"), bytes, "{}", path.display());
    }
    let again: Vec<_> = after.iter().filter(|name| name.ends_with("_00002.pcap") || name.ends_with("_00003.pcap")).collect();
    assert_eq!(again.len(), 2, "{first:?} {after:?}");
}

#[test]
fn each_complete_file_gets_its_command_the_last_one_included() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = cut(folder.path(), "-w t.pcap -C 60k -z gzip");
    assert!(made.len() > 2 && made.iter().all(|name| name.ends_with(".pcap.gz")), "{made:?}");
    let one = tempfile::tempdir().expect("a folder");
    assert_eq!(cut(one.path(), "-w-t.pcap -z gzip"), ["-t.pcap.gz"]);
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn no_file_is_removed_before_its_command_has_done_with_it() {
    let (all, beside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let all_names = cut(all.path(), "-w t.pcap -C 20k");
    let (slow, seen) = (beside.path().join("slow"), beside.path().join("seen"));
    script(&slow, &format!("sleep 0.1\ntest -s \"$1\" && echo \"$1\" >> {}", seen.display()));
    for (limit, left) in [("-W 2", 2), ("--keep-bytes 21k", 1), ("-W 1 --keep-bytes 70k", 1)] {
        let some = tempfile::tempdir().expect("a folder");
        let kept = cut(some.path(), &format!("-w t.pcap -C 20k {limit} -z {}", slow.display()));
        assert_eq!(kept, all_names[all_names.len() - left..], "{limit}");
        let text = fs::read_to_string(&seen).expect("written");
        let mut names: Vec<&str> = text.lines().collect();
        names.sort_unstable();
        assert_eq!(names, all_names, "{limit}: each file has been seen by its command");
        fs::remove_file(&seen).expect("removed");
    }
}

#[test]
fn a_command_that_fails_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    script(&folder.path().join("fails"), "exit 7");
    let ran = run_in(folder.path(), &format!("capture -r {} -w t.pcap -z ./fails", tour()));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(1), "sockeye: -z ./fails t.pcap: exit code 7\n"));
    assert!(folder.path().join("t.pcap").is_file());
}
