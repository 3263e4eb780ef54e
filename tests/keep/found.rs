//! The word `finding`: all conversations of a finding's group, not only those that it cites.

use super::{captures, flows, owners, packets_of, records};
use crate::program::{capture, run, run_in, sockeye};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn findings(file: &Path) -> Vec<Value> {
    let ran = run(sockeye().args(["findings", "--format", "jsonl", "-r"]).arg(file));
    records(&ran.stdout, "finding")
}

#[test]
fn all_who_take_part_are_chosen_and_nobody_else() {
    let (mut groups, mut beyond) = (0, 0);
    for file in captures() {
        let mut by_code: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for finding in findings(&file) {
            by_code.entry(finding["code"].as_str().expect("a code").to_owned()).or_default().push(finding);
        }
        let any = flows(&file, "finding");
        assert_eq!(any.is_empty(), by_code.values().flatten().all(|finding| finding["flows_total"] == 0), "{}", file.display());
        let mut all = BTreeSet::new();
        for (code, found) in &by_code {
            let chosen = flows(&file, &format!("finding={code}"));
            let total: u64 = found.iter().map(|finding| finding["flows_total"].as_u64().expect("a number")).sum();
            for cited in found.iter().flat_map(|finding| finding["flows"].as_array().expect("a list")) {
                assert!(chosen.contains(cited.as_str().expect("an id")), "{} {code} {cited}", file.display());
            }
            // A conversation may take part in two findings of a code, such as both its sides' resends.
            let told = format!("{} {code}: {} of {total}", file.display(), chosen.len());
            // Of what the capture missed both sides of one are counted.
            let each_once = found.len() == 1 && code != "capture_loss";
            assert!(chosen.len() as u64 <= total && (!each_once || chosen.len() as u64 == total), "{told}");
            groups += 1;
            beyond += usize::from(found.iter().any(|finding| finding["flows_total"].as_u64() > Some(8)));
            all.extend(chosen);
        }
        assert_eq!(any, all, "{}", file.display());
    }
    assert!(groups > 20 && beyond > 0, "{groups} groups, {beyond} of more than are cited");
}

#[test]
fn it_goes_together_with_all_else_and_in_all_commands() {
    let tour = capture("tour.pcapng");
    for (condition, wanted) in [
        ("finding=refused", "c3 u3"),
        ("finding=refused and tcp", "c3"),
        ("not finding and tcp", "c2 c7"),
        ("finding!=refused,dns and sev>=low", "c1 c4 c5 c6"),
        ("finding~^re", "c3 c4 c5 u3"),
        ("finding !~ ^re", "c1 c6 u2"),
        ("severity = high and retries>0 or id c7", "c1 c7"),
    ] {
        let chosen: Vec<_> = flows(&tour, condition).into_iter().collect();
        assert_eq!(chosen.join(" "), wanted, "{condition}");
    }
    let owners = owners(&tour);
    let folder = tempfile::tempdir().expect("a folder");
    let tour = tour.display();
    let ran = run_in(folder.path(), &format!("packets -r {tour} -Y finding=refused -w refused.pcapng"));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    let mine = |owner: &&Option<String>| matches!(owner.as_deref(), Some("c3" | "u3"));
    assert_eq!(packets_of(&folder.path().join("refused.pcapng")).len(), owners.iter().filter(mine).count());
    for by in ["flow", "state"] {
        let ran = run_in(folder.path(), &format!("split -r {tour} -Y finding=refused --by {by} -o {by}"));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
        let files = std::fs::read_dir(folder.path().join(by)).expect("a folder").count();
        assert_eq!(files, if by == "flow" { 3 } else { 2 }, "with the index");
    }
    for command in ["summary", "handshakes", "findings"] {
        let ran = run_in(folder.path(), &format!("{command} {tour} -Y finding=refused"));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains("10.77.0.2:81") && !ran.stdout.contains("10.77.9.9"), "{command}: {}", ran.stdout);
    }
}

#[test]
fn threads_find_the_same() {
    for name in ["scan-100.pcap", "tour.pcapng"] {
        let line = |threads: &str| {
            run(sockeye().args(["flows", "--format", "csv", "--threads", threads, "--where", "finding", "-r"]).arg(capture(name)))
        };
        let (one, two) = (line("1"), line("2"));
        assert_eq!((one.code(), &one.stdout), (two.code(), &two.stdout), "{}", two.stderr);
        assert!(one.stdout.lines().count() > 5);
    }
}

#[test]
fn damage_that_the_first_reading_met_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(capture("scan-100.pcap")).expect("there");
    std::fs::write(folder.path().join("cut.pcap"), &whole[..whole.len() - 7]).expect("written");
    for line in ["flows --format csv", "handshakes --format jsonl", "summary", "findings", "split --by finding -o parts"] {
        let ran = run_in(folder.path(), &format!("{line} -r cut.pcap --where finding"));
        assert_eq!(ran.code(), Some(5), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("cut.pcap ends in the middle of packet 202"), "{line}: {}", ran.stderr);
        assert!(ran.stdout.lines().count() > 2, "{line}: {}", ran.stdout);
    }
}

#[test]
fn flows_that_give_way_are_the_same_both_times_or_it_is_told() {
    let line = |flags: &[&str]| {
        let mut command = sockeye();
        command.args(["flows", "--format", "csv", "--fields", "id,first_packet,last_packet", "--where", "finding"]);
        run(command.args(flags).arg("-r").arg(capture("syn-flood.pcap")))
    };
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let one = line(&["--max-flows", "16"]);
    assert_eq!(one.code(), Some(0), "{}", one.stderr);
    assert!(one.stderr.contains("flows were given out early"), "{}", one.stderr);
    // Which of them give way, and whether any do, depends on how the threads take turns.
    let whole = line(&[]);
    let mut refused = 0;
    for _ in 0..6 {
        let ran = line(&["--max-flows", "16", "--threads", "8"]);
        match ran.code() {
            // Whichever gave way, the same conversations with the same packets: only their order may be another.
            Some(0) => assert_eq!(sorted(&ran.stdout), sorted(&whole.stdout), "{}", ran.stderr),
            Some(1) => {
                let (before, after) =
                    ("given out early for want of room", "conversations were not the same when the capture was read");
                assert!(ran.stderr.contains(before) || ran.stderr.contains(after), "{}", ran.stderr);
                assert!(ran.stderr.contains("one thread"), "{}", ran.stderr);
                refused += 1;
            }
            _ => panic!("{:?} {}", ran.code(), ran.stderr),
        }
    }
    println!("{refused} of 6 were refused");
}

#[test]
fn what_is_wrong_or_cannot_be_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let tour = tour.display();
    for (line, told) in [
        (
            format!("flows {tour} -Y finding=refusd"),
            "where: \"refusd\" is no code of a finding\n  finding=refusd\n          ^^^^^^  did you mean refused?",
        ),
        (
            format!("flows {tour} -Y sev>=grave"),
            "where: \"grave\" is no severity\n  sev>=grave\n       ^^^^^  one of: low, medium, high",
        ),
        (format!("flows {tour} -Y finding>3"), "where: \">\" compares numbers and times; \"finding\" is none"),
        (
            format!("flows {tour} -Y findin"),
            "where: \"findin\" is no field of conversations\n  findin\n  ^^^^^^  did you mean finding?",
        ),
        ("flows -r - -Y finding".to_owned(), "--where finding: who takes part in a finding is known when all was read"),
        ("summary -i lo -Y finding".to_owned(), "--where finding: who takes part in a finding is known when all was read"),
        (
            "capture -r - -Y finding -w a.pcap".to_owned(),
            "--where finding: who takes part in a finding is known when all was read",
        ),
    ] {
        let ran = run_in(folder.path(), &line);
        assert!(ran.code() == Some(2) && ran.stderr.starts_with(&format!("sockeye: {told}")), "{line}: {}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn every_code_of_the_documentation_can_be_asked_for() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md")).expect("docs");
    let codes: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(code, _)| code)).collect();
    let known: BTreeSet<_> = sockeye::detect::Cause::CODES.iter().copied().collect();
    assert!(codes.is_superset(&known) && known.len() == sockeye::detect::Cause::CODES.len());
    for code in codes {
        assert!(sockeye::query::Query::parse(&format!("finding={code}")).is_ok(), "{code} is missing in Cause::CODES");
    }
}
