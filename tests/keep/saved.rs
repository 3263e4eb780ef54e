//! Of saved captures: exactly the packets of the conversations that `flows --where` lists, in their order.

use super::{Packet, captures, flows, owners, packets_of, records};
use crate::program::{capture, run, run_in, sockeye};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Conditions of every kind: what is known from the first packet on, and what only at the end.
const CONDITIONS: [&str; 7] = [
    "state refused",
    "bytes>1kB and not state closed",
    "rtt>15ms",
    "port 80,53",
    "udp or icmp",
    "resent>0",
    "not host 10.77.0.1",
];

/// The packets that a condition chooses, by the records.
fn wanted(file: &Path, owners: &[Option<String>], condition: &str) -> Vec<Packet> {
    let chosen = flows(file, condition);
    let packets = packets_of(file).into_iter().zip(owners);
    packets.filter(|(_, owner)| owner.as_ref().is_some_and(|owner| chosen.contains(owner))).map(|(packet, _)| packet).collect()
}

/// Runs with a capture in a pipe on standard input.
fn piped(command: &mut Command, file: &Path) -> crate::program::Ran {
    let mut cat = Command::new("cat").arg(file).stdout(Stdio::piped()).spawn().expect("cat runs");
    let ran = run(command.stdin(cat.stdout.take().expect("piped")));
    // What is not read keeps it waiting: the command holds the other end.
    let _ = cat.kill();
    cat.wait().expect("it ends");
    ran
}

#[test]
fn what_is_written_is_what_the_records_say_from_files_and_pipes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut some, mut none) = (0, 0);
    for file in captures() {
        let owners = owners(&file);
        for condition in CONDITIONS {
            let wanted = wanted(&file, &owners, condition);
            *if wanted.is_empty() { &mut none } else { &mut some } += 1;
            let out = folder.path().join("out.pcapng");
            for (command, pipe) in [("packets", false), ("capture", true)] {
                let mut program = sockeye();
                program.args([command, "--force", "--where", condition, "-w"]).arg(&out);
                let ran = if pipe { piped(program.args(["-r", "-"]), &file) } else { run(program.arg("-r").arg(&file)) };
                let told = format!("{} --where '{condition}', pipe {pipe}", file.display());
                assert!(matches!(ran.code(), Some(0 | 4 | 5)), "{told}: {:?} {}", ran.code(), ran.stderr);
                let written = packets_of(&out);
                assert!(written == wanted, "{told}: {} packets, not {}", written.len(), wanted.len());
            }
        }
    }
    assert!(some > 60 && none > 60, "{some} conditions choose something, {none} nothing");
}

#[test]
fn lines_and_records_are_those_of_the_chosen_packets_and_what_they_say_is_unchanged() {
    for name in ["tour.pcapng", "fragments.pcap", "path-mtu.pcap", "lossy-download.pcap"] {
        let file = capture(name);
        let all = run(sockeye().args(["packets", "--format", "jsonl", "-r"]).arg(&file));
        let owners = owners(&file);
        for condition in ["bytes>100", "icmp or udp", "resent>0"] {
            let chosen = flows(&file, condition);
            let wanted: Vec<_> = records(&all.stdout, "packet")
                .into_iter()
                .zip(&owners)
                .filter(|(_, owner)| owner.as_ref().is_some_and(|owner| chosen.contains(owner)))
                .map(|(record, _)| record)
                .collect();
            let ran = run(sockeye().args(["packets", "--format", "jsonl", "--where", condition, "-r"]).arg(&file));
            assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
            assert!(records(&ran.stdout, "packet") == wanted, "{name} {condition}");
            let lines = run(sockeye().args(["packets", "--where", condition, "-r"]).arg(&file));
            assert_eq!(lines.stdout.lines().count(), wanted.len(), "{name} {condition}");
            let count = run(sockeye().args(["packets", "--count", "--where", condition, "-r"]).arg(&file));
            assert_eq!(count.stdout.split(' ').next(), Some(&*wanted.len().to_string()), "{name} {condition}");
        }
    }
}

#[test]
fn several_files_filters_bounds_and_both_outputs_go_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tour, dns) = (capture("tour.pcapng"), capture("dns.pcap"));
    let sources = format!("-r {} -r {}", tour.display(), dns.display());
    let plain = run_in(folder.path(), &format!("packets {sources} -w plain.pcapng port 53 or port 80"));
    assert_eq!(plain.code(), Some(0), "{}", plain.stderr);
    let line = format!("packets {sources} --packets 5- -Y udp -w both.pcapng --print port 53 or port 80");
    let ran = run_in(folder.path(), &line);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let both = packets_of(&folder.path().join("both.pcapng"));
    assert!(!both.is_empty() && ran.stdout.lines().count() == both.len());
    let all = packets_of(&folder.path().join("plain.pcapng"));
    assert!(both.iter().all(|packet| all.contains(packet)) && both.len() < all.len());
    // Compressed files are read twice like others.
    let gz = run_in(folder.path(), &format!("packets -r {} -Y tcp -w gz.pcap", capture("http-get.pcap.gz").display()));
    assert_eq!((gz.code(), gz.stderr.as_str()), (Some(0), ""));
    let raw = run_in(folder.path(), &format!("packets -r {} -Y tcp -w raw.pcap", capture("http-get.pcap").display()));
    assert_eq!((raw.code(), raw.stderr.as_str()), (Some(0), ""));
    assert_eq!(packets_of(&folder.path().join("gz.pcap")), packets_of(&folder.path().join("raw.pcap")));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let tour = tour.display();
    for (line, told) in [
        (format!("packets -r {tour} -w a.pcap -Y stat"), "where: \"stat\" is no field of conversations"),
        ("packets -i lo -Y tcp".to_owned(), "--where: what becomes of a conversation is known at its end"),
        ("packets -r - -Y tcp".to_owned(), "--where: what becomes of a conversation is known at its end"),
        ("packets -r - -Y tcp -w a.pcap --print".to_owned(), "--where: what becomes of a conversation is known at its end"),
        ("capture -r - -w a.pcap -Y tcp --keep-bytes-per-flow much".to_owned(), "--keep-bytes-per-flow"),
        (
            format!("capture -r {tour} -w a.pcap -Y tcp --keep-bytes-per-flow 1m"),
            "--keep-bytes-per-flow is for interfaces and pipes",
        ),
    ] {
        let ran = run_in(folder.path(), &line);
        assert!(ran.code() == Some(2) && ran.stderr.starts_with(&format!("sockeye: {told}")), "{line}: {}", ran.stderr);
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn that_nothing_holds_is_said_and_leaves_an_empty_capture() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("packets -r {} -Y rtt>1h -w none.pcapng", capture("tour.pcapng").display());
    let ran = run_in(folder.path(), &line);
    assert_eq!(
        (ran.code(), ran.stderr.as_str()),
        (Some(0), "sockeye: none of 11 conversations is one for which this holds: rtt>1h\n")
    );
    assert_eq!(packets_of(&folder.path().join("none.pcapng")), []);
}

/// The files of a folder, but for the index.
fn parts(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| !path.ends_with("index.jsonl")).collect();
    files.sort();
    files
}

#[test]
fn parts_are_those_of_the_chosen_conversations_and_as_they_were() {
    for name in ["tour.pcapng", "fragments.pcap", "path-mtu.pcap", "scan.pcap"] {
        let file = capture(name);
        let owners = owners(&file);
        let folder = tempfile::tempdir().expect("a folder");
        let all = folder.path().join("all");
        let ran = run(sockeye().args(["split", "-r"]).arg(&file).arg("-o").arg(&all));
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        for (at, condition) in ["udp or icmp", "bytes>100", "state refused"].into_iter().enumerate() {
            let chosen = flows(&file, condition);
            for by in ["flow", "state", "host"] {
                let some = folder.path().join(format!("{by}-{at}"));
                let ran = run(sockeye().args(["split", "--where", condition, "--by", by, "-r"]).arg(&file).arg("-o").arg(&some));
                assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
                let mut written: Vec<_> = parts(&some).iter().flat_map(|part| packets_of(part)).collect();
                let mut wanted = wanted(&file, &owners, condition);
                written.sort();
                wanted.sort();
                if by == "host" {
                    written.dedup();
                    wanted.dedup();
                }
                assert!(written == wanted, "{name} --by {by} --where '{condition}': {} not {}", written.len(), wanted.len());
                if by == "flow" {
                    assert_eq!(parts(&some).len(), chosen.len(), "{name} {condition}");
                    for part in parts(&some) {
                        let whole = all.join(part.file_name().expect("a name"));
                        assert_eq!(fs::read(&part).expect("there"), fs::read(&whole).expect("there"), "{}", part.display());
                    }
                }
            }
        }
    }
    let ran = piped(sockeye().args(["split", "-r", "-", "-o", "parts", "-Y", "tcp"]), &capture("tour.pcapng"));
    let told = "sockeye: --where reads the capture twice, and standard input can be read once";
    assert!(ran.code() == Some(2) && ran.stderr.starts_with(told), "{}", ran.stderr);
}

#[test]
fn of_one_conversation_the_condition_says_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let tour = tour.display();
    let ran = run_in(folder.path(), &format!("follow -r {tour} -Y port=9003 --format raw --only C"));
    let named = run_in(folder.path(), &format!("follow c7 -r {tour} --format raw --only C"));
    assert_eq!((ran.code(), &ran.stdout), (Some(0), &named.stdout));
    assert!(ran.stderr.starts_with("sockeye: c7, because ") && !named.stdout.is_empty(), "{}", ran.stderr);
    let ran = run_in(folder.path(), &format!("explain -r {tour} -Y udp"));
    assert!(ran.code() == Some(0) && ran.stdout.contains("u3"), "{}", ran.stdout);
    for (line, told) in [
        (format!("follow c1 -r {tour} -Y udp"), "c1 is named, and --where chooses among all"),
        (format!("follow -r {tour} -Y rtt>1h"), "none of 11 conversations is one for which this holds: rtt>1h"),
        (format!("show -r {tour} -Y finding"), "show --where chooses by fields of conversations"),
        ("follow -r - -Y udp".to_owned(), "which conversation?"),
    ] {
        let ran = run_in(folder.path(), &line);
        assert!(ran.code() == Some(2) && ran.stderr.starts_with(&format!("sockeye: {told}")), "{line}: {}", ran.stderr);
    }
}
