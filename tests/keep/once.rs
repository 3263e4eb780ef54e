//! Of what can be read once: bounds are kept, and what they cost is told.

use super::{number_before, packets_of, taking_turns};
use crate::program::{Ran, capture, run, sockeye};
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Writes what a condition chooses of a capture that comes through a pipe.
fn keep(bytes: &[u8], out: &Path, flags: &[&str]) -> Ran {
    let mut command = sockeye();
    command.args(["capture", "-r", "-", "-w"]).arg(out).args(flags);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, bytes).expect("read");
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn a_conversation_beyond_its_bound_is_saved_from_there_on_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = taking_turns(3, 40, 400, 0);
    let all = {
        let path = folder.path().join("all.pcap");
        fs::write(&path, &bytes).expect("written");
        packets_of(&path)
    };
    for name in ["out.pcapng", "out.pcap"] {
        let out = folder.path().join(name);
        let ran = keep(&bytes, &out, &["--where", "orig.packets>39 and port 40001", "--keep-bytes-per-flow", "8k"]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let written = packets_of(&out);
        let of_it: Vec<_> = all.iter().skip(1).step_by(3).cloned().collect();
        let missing = of_it.len() - written.len();
        assert!((5..20).contains(&written.len()), "{} packets in 8 KiB", written.len());
        assert!(written[..] == of_it[missing..], "what is left is its end");
        let told = format!("1 conversation is not whole in the file: {missing} packets were let go");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        let comment = format!("sockeye: {missing} packets of this conversation missing before this one");
        let says = String::from_utf8_lossy(&fs::read(&out).expect("there")).matches(&comment).count();
        assert_eq!(says, usize::from(name.ends_with("ng")));
    }
}

#[test]
fn a_comment_stands_beside_what_the_packet_said_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.pcapng");
    let tour = fs::read(capture("tour.pcapng")).expect("there");
    let ran = keep(&tour, &out, &["--where", "bytes>0", "--keep-bytes-per-flow", "1k"]);
    let incomplete = number_before(&ran.stderr, " conversations are not whole in the file");
    let bytes = fs::read(&out).expect("there");
    assert_eq!(
        String::from_utf8_lossy(&bytes).matches("of this conversation missing before this one").count() as u64,
        incomplete
    );
    let whole = run(sockeye().args(["packets", "--count", "--where", "bytes>0", "-r"]).arg(capture("tour.pcapng")));
    let missing = number_before(&ran.stderr, " packets were let go");
    assert_eq!(packets_of(&out).len() as u64 + missing, number_before(&whole.stdout, " packets"));
}

#[test]
fn when_all_room_is_used_up_the_oldest_go_and_all_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.pcapng");
    // 24 MB that are all undecided to the end, where some 9 have room.
    let bytes = taking_turns(4000, 12, 450, 3);
    let ran = keep(&bytes, &out, &["--where", "orig.packets>1", "--max-memory", "64m"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let written = packets_of(&out);
    let missing = number_before(&ran.stderr, " packets were let go");
    assert_eq!(written.len() as u64 + missing, 48_003);
    assert!(missing > 10_000 && written.len() > 5_000, "{missing} missing, {} written", written.len());
    assert!(written.is_sorted_by_key(|packet| packet.0), "what is left has its order");
}

#[test]
fn what_is_wanted_goes_on_before_older_ones_when_room_is_short_and_with_u_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    // The first packet's conversation is undecided to the end; the others are wanted from their first packet on.
    let bytes = taking_turns(4000, 12, 450, 0);
    let flags = ["--where", "port 40001-49999 or orig.packets>11"];
    for (more, early) in [(&["--max-memory", "64m"][..], true), (&["-U"][..], false), (&[][..], false)] {
        let out = folder.path().join("out.pcapng");
        let ran = keep(&bytes, &out, &[&flags, more, &["--force"]].concat());
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let written = packets_of(&out);
        assert_eq!(written.len(), 48_000, "{more:?} {}", ran.stderr);
        assert_eq!(ran.stderr.contains("written before older ones"), early, "{more:?}: {}", ran.stderr);
        assert_eq!(written.is_sorted_by_key(|packet| packet.0), more.is_empty(), "{more:?}");
    }
}
