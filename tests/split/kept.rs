//! What is kept: files that are there, the file being read, descriptors, memory.

use super::{captures_in, index, packets, split};
use crate::program::{capture, has, run, run_in, sockeye, with_bare_settings};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

#[test]
fn what_is_there_is_overwritten_only_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let line = format!("split -r {} -o parts", tour.display());
    assert_eq!(run_in(folder.path(), &line).code(), Some(0));
    let parts = folder.path().join("parts");
    let before = packets(&captures_in(&parts));
    let ran = run_in(folder.path(), &line);
    let told = "sockeye: parts/c1-10.77.0.1.40286-10.77.9.9.443.pcapng exists (784 B capture, ";
    assert!(
        ran.code() == Some(2) && ran.stderr.starts_with(told) && ran.stderr.contains("--force overwrites it"),
        "{}",
        ran.stderr
    );
    let other = format!("split -r {} -o parts --by state", capture("dns.pcap").display());
    assert_eq!(run_in(folder.path(), &other).code(), Some(2), "files of two runs are not mixed");
    // Longer files become as short as they are to be.
    for file in captures_in(&parts) {
        fs::File::options().append(true).open(file).expect("there").write_all(&[7; 5000]).expect("written");
    }
    let ran = run_in(folder.path(), &format!("{line} --force"));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(packets(&captures_in(&parts)), before);
    // What is nobody's part is nobody's business.
    let mixed = folder.path().join("mixed");
    fs::create_dir(&mixed).expect("made");
    fs::write(mixed.join("notes.txt"), "notes").expect("written");
    fs::copy(capture("dns.pcap"), mixed.join("day.pcap")).expect("copied");
    let ran = run_in(folder.path(), &format!("split -r {} -o mixed", tour.display()));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(mixed.join("notes.txt")).expect("there"), "notes");
}

#[test]
fn no_link_is_followed_and_what_is_read_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = folder.path().join("parts");
    fs::create_dir(&parts).expect("made");
    let victim = folder.path().join("victim");
    fs::write(&victim, "victim").expect("written");
    let name = "c1-10.77.0.1.40286-10.77.9.9.443.pcapng";
    symlink(&victim, parts.join(name)).expect("a link");
    let line = format!("split -r {} -o parts --force", capture("tour.pcapng").display());
    let ran = run_in(folder.path(), &line);
    assert!(ran.code() == Some(2) && ran.stderr.contains("exists"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&victim).expect("there"), "victim");
    fs::remove_file(parts.join(name)).expect("removed");
    // The capture lies where one of its parts would.
    fs::copy(capture("tour.pcapng"), parts.join(name)).expect("copied");
    for by in ["flow", "state"] {
        let ran = run_in(folder.path(), &format!("split -r parts/{name} -o parts --force --by {by}"));
        if by == "flow" {
            assert!(ran.code() == Some(2) && ran.stderr.contains("is being read"), "{}", ran.stderr);
        } else {
            assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
        }
        assert_eq!(fs::read(parts.join(name)).expect("there"), fs::read(capture("tour.pcapng")).expect("there"));
    }
}

#[test]
fn what_cannot_be_meant_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    let tour = capture("tour.pcapng");
    let tour = tour.display();
    for (line, told) in [
        (format!("split -r {tour}"), "split needs a folder for the files:  -o DIR"),
        (format!("split -r {tour} -o file"), "-o file: is a file, not a folder"),
        (format!("split -r {tour} -o no/parts"), "-o no/parts: there is no folder no"),
        ("split -i lo -o parts".to_owned(), "split reads saved captures: live, "),
        (format!("split -r {tour} -o parts --format zeek"), "--format zeek is of conversations: use  sockeye flows"),
        (format!("split -r {tour} -o parts -N"), "-N: files of split are named by addresses"),
    ] {
        let ran = run_in(folder.path(), &line);
        assert!(ran.code() == Some(2) && ran.stderr.starts_with(&format!("sockeye: {told}")), "{line}: {}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

/// A capture of `flows` datagrams' conversations that take turns, `turns` of each.
fn taking_turns(path: &Path, flows: u16, turns: u32, data: usize) {
    let mut file = Vec::new();
    sockeye::pcapfile::write::pcap_header(&mut file, false, 65535, sockeye::model::LinkType::RAW, None);
    for turn in 0..turns {
        for flow in 0..flows {
            let len = 28 + data;
            let mut packet = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            packet.extend_from_slice(&(40_000 + flow).to_be_bytes());
            packet.extend_from_slice(&9_u16.to_be_bytes());
            packet.extend_from_slice(&((8 + data) as u16).to_be_bytes());
            packet.extend_from_slice(&[0, 0]);
            packet.resize(len, turn as u8);
            let micros = u64::from(turn) * 1000 + u64::from(flow) % 1000;
            for word in [1_700_000_000, micros as u32, len as u32, len as u32] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(&packet);
        }
    }
    fs::write(path, file).expect("written");
}

#[test]
fn thousands_of_files_with_few_descriptors_and_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("turns.pcap");
    // 24 MB in 4,000 conversations: what is gathered has to be written many times before any is complete.
    taking_turns(&path, 4000, 12, 450);
    for by in ["flow", "port", "host"] {
        let parts = folder.path().join(by);
        let mut command = with_bare_settings(Command::new("sh"));
        command.args(["-c", "ulimit -n 32; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_sockeye"), "split", "--max-memory", "64m"]);
        let ran = run(command.args(["--by", by, "-q", "-r"]).arg(&path).arg("-o").arg(&parts));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{by}");
        let (files, whole) = index(&parts);
        let copies = if by == "host" { 2 } else { 1 };
        assert_eq!(whole["packets_written"], 48_000 * copies, "{by}");
        assert_eq!(
            files.len(),
            match by {
                "flow" => 4000,
                "port" => 1,
                _ => 2,
            }
        );
        let bytes: u64 = captures_in(&parts).iter().map(|file| fs::metadata(file).expect("there").len()).sum();
        assert_eq!(bytes, whole["bytes"].as_u64().expect("a number"), "{by}");
        assert_eq!(bytes, 48_000 * copies * (16 + 478) + 24 * files.len() as u64, "{by}");
        if by == "flow" {
            for file in files.iter().step_by(397) {
                let ran = run(sockeye().args(["packets", "--count"]).arg(parts.join(file["name"].as_str().expect("a name"))));
                assert_eq!(ran.stdout, "12 packets\n");
            }
        }
    }
}

#[test]
fn groups_that_have_no_room_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hosts.pcap");
    let mut file = Vec::new();
    sockeye::pcapfile::write::pcap_header(&mut file, false, 65535, sockeye::model::LinkType::RAW, None);
    for host in 0..60_000_u32 {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1];
        packet.extend_from_slice(&(0x0b00_0000 + host).to_be_bytes());
        packet.extend_from_slice(&[0, 9, 0, 9, 0, 8, 0, 0]);
        for word in [1_700_000_000 + host / 1000, 0, 28, 28] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    fs::write(&path, file).expect("written");
    let parts = folder.path().join("parts");
    let ran = run(sockeye().args(["split", "--by", "host", "--max-memory", "64m", "-r"]).arg(&path).arg("-o").arg(&parts));
    assert!(ran.code() == Some(1) && ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert!(!parts.exists() || captures_in(&parts).is_empty());
    let (_, files, _) = split(&path, &parts, "--by host -q");
    assert_eq!(files.len(), 60_001);
}

#[test]
fn names_of_hosts_of_the_sixth_version_are_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    for by in ["flow", "host"] {
        let parts = folder.path().join(by);
        let (_, files, _) = split(&capture("ipv6.pcap"), &parts, &format!("--by {by}"));
        for file in files {
            let name = file["name"].as_str().expect("a name");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{name}");
        }
    }
}

#[test]
fn an_ordinary_user_writes_as_himself_and_root_as_the_one_who_was_named() {
    let folder = tempfile::tempdir().expect("a folder");
    if fs::metadata(folder.path()).is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) != 0) || !has("setpriv") {
        eprintln!("SKIPPED: needs root and setpriv");
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    let copy = crate::program::copy_of_the_program(folder.path());
    fs::copy(capture("tour.pcapng"), folder.path().join("tour.pcapng")).expect("copied");
    let owner = |path: &Path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).expect("there"));
    let copy = copy.display();
    let own = format!("setpriv --reuid 4321 --regid 4321 --clear-groups {copy} split");
    for (name, line, uid) in
        [("own", own, 4321), ("named", format!("{copy} split -Z 4321"), 4321), ("root", format!("{copy} split"), 0)]
    {
        for by in ["flow", "state"] {
            let parts = folder.path().join(format!("{name}-{by}"));
            let mut words = line.split_whitespace();
            let mut command = with_bare_settings(Command::new(words.next().expect("a program")));
            command.current_dir(folder.path()).args(words).args(["--by", by, "-r", "tour.pcapng", "-o"]).arg(&parts);
            let ran = run(&mut command);
            assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{name} {by}");
            assert_eq!(owner(&parts), uid, "{name}");
            assert!(captures_in(&parts).iter().all(|file| owner(file) == uid), "{name}");
            assert_eq!(packets(&captures_in(&parts)), packets(&[capture("tour.pcapng")]), "{name} {by}");
        }
    }
}
