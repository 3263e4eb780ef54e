//! The pages of `show` and `explain` over all bundled captures: no words of RFCs for beginners, no answers beside the questions of a
//! quiz.

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use std::fs;
use std::path::{Path, PathBuf};

/// Conversations of a capture that are looked at.
const SOME: usize = 3;

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let files = fs::read_dir(folder).expect("captures").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng")).collect();
    files.sort();
    assert!(files.len() > 40, "only {} captures", files.len());
    files
}

/// What a command says of the first conversations of each kind in each capture, with where it is from.
fn pages(words: &[&str]) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for path in captures() {
        let flows = run(sockeye().args(["flows", "--format", "tsv", "--fields", "id", "-r"]).arg(&path));
        for id in flows.stdout.lines().skip(1).take(SOME) {
            let ran = run(sockeye().args([words[0], id]).args(&words[1..]).arg("-r").arg(&path));
            let place = format!("{} {id} -r {}", words.join(" "), path.display());
            assert_eq!(ran.code(), Some(0), "{place}: {}", ran.stderr);
            pages.push((place, ran.stdout));
        }
    }
    assert!(pages.len() > 80, "only {} pages", pages.len());
    pages
}

#[test]
fn beginners_are_spared_what_they_cannot_know() {
    const WORDS: [&str; 24] = [
        "RFC",
        "EINPROGRESS",
        "SACK",
        "MSL",
        "MSS",
        "PSH",
        "TSval",
        "timestamp",
        "TTL",
        "IP id",
        "retransmi",
        "CLOSED",
        "LISTEN",
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "FIN-WAIT",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSING",
        "TIME-WAIT",
        "window scale",
        "PAWS",
        "section",
    ];
    for (place, page) in pages(&["explain", "--level", "first"]) {
        for word in WORDS {
            let line = page.lines().find(|line| has_word(line, word));
            assert_eq!(line, None, "sockeye {place}: {word}");
        }
    }
}

/// Does a line have a word that begins so? (STARTTLS has no TTL in it.)
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(char::is_alphanumeric))
}

#[test]
fn a_quiz_keeps_its_answers_for_the_end() {
    let number = |line: &str| line.trim_start().split_once(") ")?.0.parse::<usize>().ok();
    for (place, page) in pages(&["explain", "--quiz"]) {
        let (asked, answered) = page.split_once("\nANSWERS\n").unwrap_or_else(|| panic!("sockeye {place}: no answers"));
        for line in asked.lines() {
            assert!(!line.starts_with("   ~ ") && !line.starts_with("   ? "), "sockeye {place}: {line}");
        }
        let answered = answered.split("\n\n").next().unwrap_or_default();
        let questions: Vec<usize> = asked.lines().filter_map(number).collect();
        let answers: Vec<usize> = answered.lines().filter_map(number).collect();
        assert_eq!(questions, answers, "sockeye {place}");
        assert!(questions.len() > 1, "sockeye {place}: only {}", questions.len());
    }
}

/// Lines of a page that are no wider than asked for but for commands, which are to be copied as they are.
fn too_wide(page: &str, width: usize) -> Option<&str> {
    page.lines().find(|line| line.chars().count() > width && !line.contains("sockeye "))
}

#[test]
fn ladders_fit_and_their_arrows_stand_in_one_column() {
    for (width, ascii) in [("60", false), ("80", false), ("110", false), ("110", true)] {
        let mut words = vec!["show", "--width", width];
        words.extend(ascii.then_some("--ascii"));
        for (place, page) in pages(&words) {
            assert_eq!(too_wide(&page, width.parse().expect("a number")), None, "sockeye {place}");
            let ends: &[char] = if ascii { &['|', '<', '>'] } else { &['├', '◀', '▶', '┤'] };
            let ladder = page.split("\n\n").nth(1).unwrap_or_default();
            let mut columns = Vec::new();
            for line in ladder.lines().skip(1) {
                let line: Vec<char> = line.chars().collect();
                let arrow: Vec<usize> = (0..line.len()).filter(|at| ends.contains(&line[*at])).collect();
                columns.extend(arrow.first().zip(arrow.last()).map(|(first, last)| (*first, *last)));
            }
            columns.dedup();
            assert_eq!(columns.len(), 1, "sockeye {place}: {columns:?}");
        }
    }
}

#[test]
fn stories_and_headers_fit_their_width() {
    for width in ["60", "80", "110"] {
        for words in [&["explain", "--width", width][..], &["explain", "--level", "deep", "--width", width]] {
            for (place, page) in pages(words) {
                assert_eq!(too_wide(&page, width.parse().expect("a number")), None, "sockeye {place}");
            }
        }
        for path in captures() {
            for number in ["1", "4", "7"] {
                let ran = run(sockeye().args(["explain", "--packet", number, "--width", width, "-r"]).arg(&path));
                let place = format!("explain --packet {number} --width {width} -r {}", path.display());
                assert_eq!(too_wide(&ran.stdout, width.parse().expect("a number")), None, "sockeye {place}");
            }
        }
    }
}

/// A connection of 6,000 segments from one side, as a capture of raw IP.
fn long_connection(path: &Path) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    let mut send = |from_client: bool, flags: u8, seq: u32, ack: u32, data: &[u8]| {
        let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let ports = [[0x9c, 0x40], [0, 80]];
        let (from, to) = (usize::from(!from_client), usize::from(from_client));
        let mut packet = vec![0x45, 0, 0, 40 + data.len() as u8, 0, 0, 0, 0, 64, 6, 0, 0];
        packet.extend([hosts[from], hosts[to]].concat());
        packet.extend([ports[from], ports[to]].concat());
        packet.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
        packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(data);
        for word in [1, seq, packet.len() as u32, packet.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    };
    send(true, 2, 0, 0, b"");
    send(false, 18, 0, 1, b"");
    send(true, 16, 1, 1, b"");
    for nth in 0..6000 {
        send(true, 16, 1 + 10 * nth, 1, b"0123456789");
    }
    fs::write(path, file).expect("room on the disk");
}

#[test]
fn packets_that_were_not_kept_are_missed_where_they_are_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.pcap");
    long_connection(&path);
    for words in [
        &["show"][..],
        &["show", "-v"],
        &["show", "--width", "60"],
        &["explain"],
        &["explain", "-v"],
        &["explain", "-v", "--level", "deep"],
    ] {
        let ran = run(sockeye().args(words).args(["c1", "--max-memory", "64m", "-r"]).arg(&path));
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let missing: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("not kept")).collect();
        assert!(!ran.stdout.contains("leaves out") && !ran.stdout.contains("hole"), "{words:?}");
        assert!(missing.len() == 1 && missing[0].contains(','), "{words:?}: {missing:?}");
    }
}
