//! What is printed: the table, folded and whole, and records of files.

use super::index;
use crate::program::{capture, run_in};

const BY_FLOW: &str = "\
FILE                                      STATE      CLIENT → SERVER                   START (UTC)              PACKETS     SIZE
c1-10.77.0.1.40286-10.77.9.9.443.pcapng   no answer  10.77.0.1:40286 → 10.77.9.9:443   2026-11-20 23:15:06.823        6    784 B
c2-10.77.0.1.34196-10.77.0.2.80.pcapng    closed     10.77.0.1:34196 → 10.77.0.2:80    2026-11-20 23:15:07.792       12  1.59 kB
c3-10.77.0.1.48336-10.77.0.2.81.pcapng    refused    10.77.0.1:48336 → 10.77.0.2:81    2026-11-20 23:15:07.925        2    332 B
c4-10.77.0.1.54412-10.77.0.2.8080.pcapng  closed     10.77.0.1:54412 → 10.77.0.2:8080  2026-11-20 23:15:07.960      184   169 kB
c5-10.77.0.1.33019-10.77.0.2.9001.pcapng  reset ←    10.77.0.1:33019 → 10.77.0.2:9001  2026-11-20 23:15:08.202        8    980 B
c6-10.77.0.1.38279-10.77.0.2.9002.pcapng  closed     10.77.0.1:38279 → 10.77.0.2:9002  2026-11-20 23:15:08.405       57  45.9 kB
c7-10.77.0.1.41570-10.77.0.2.9003.pcapng  closed     10.77.0.1:41570 → 10.77.0.2:9003  2026-11-20 23:15:11.102       18  2.21 kB
u1-10.77.0.1.46640-10.77.0.2.53.pcapng    answered   10.77.0.1:46640 → 10.77.0.2:53    2026-11-20 23:15:07.770        4    612 B
u2-10.77.0.1.57523-10.77.0.2.53.pcapng    answered   10.77.0.1:57523 → 10.77.0.2:53    2026-11-20 23:15:07.880        2    396 B
u3-10.77.0.1.37616-10.77.0.2.9999.pcapng  refused    10.77.0.1:37616 → 10.77.0.2:9999  2026-11-20 23:15:11.075        2    348 B
i1-10.77.0.1-10.77.0.2.pcapng             answered   10.77.0.1 → 10.77.0.2 (ping)      2026-11-20 23:15:07.059        6    928 B
other.pcapng                              -          -                                 2026-11-20 23:15:06.802        2    288 B
303 packets of 11 conversations in 12 files (223 kB), 2 of none in other; index: parts/index.jsonl
";

const BY_HOST: &str = "\
FILE              CONVERSATIONS  START (UTC)              PACKETS    SIZE
10.77.0.1.pcapng             11  2026-11-20 23:15:06.823      301  222 kB
10.77.0.2.pcapng             10  2026-11-20 23:15:07.059      295  221 kB
10.77.9.9.pcapng              1  2026-11-20 23:15:06.823        6   784 B
other.pcapng                  -  2026-11-20 23:15:06.802        2   288 B
303 packets of 11 conversations in 4 files (444 kB), 301 of them in those of both hosts, 2 of none in other; index: parts/index.jsonl
";

const CSV: &str = "\
name,id,group,flows,proto,orig.ip,orig.port,resp.ip,resp.port,state,end_reason,packets,wire_bytes,bytes,start,end
c1-10.77.0.1.36662-10.77.0.2.81.pcap,c1,,1,tcp,10.77.0.1,36662,10.77.0.2,81,refused,rst,2,128,184,2026-11-20T23:15:19.701496930Z,2026-11-20T23:15:19.712259280Z
i1-fd00_77__1-ff02__1_ff00_2.pcap,i1,,1,icmp6,fd00:77::1,135,ff02::1:ff00:2,136,one-way,end_of_capture,1,86,126,2026-11-20T23:15:19.731350609Z,2026-11-20T23:15:19.731350609Z
i2-fd00_77__1-fd00_77__2.pcap,i2,,1,icmp6,fd00:77::1,135,fd00:77::2,136,one-way,end_of_capture,1,86,126,2026-11-20T23:15:19.743656593Z,2026-11-20T23:15:19.743656593Z
c2-fd00_77__1.35072-fd00_77__2.81.pcap,c2,,1,tcp,fd00:77::1,35072,fd00:77::2,81,refused,rst,2,168,224,2026-11-20T23:15:19.743692997Z,2026-11-20T23:15:19.754497256Z
other.pcap,,,0,,,,,,,,2,84,140,2026-11-20T23:15:19.690755791Z,2026-11-20T23:15:19.701464031Z
";

#[track_caller]
fn printed(flags: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run_in(folder.path(), &format!("split -o parts {flags}"));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{flags}");
    ran.stdout
}

#[test]
fn the_table_is_what_was_agreed() {
    let tour = capture("tour.pcapng");
    assert_eq!(printed(&format!("-r {}", tour.display())), BY_FLOW);
    assert_eq!(printed(&format!("-r {} --by host", tour.display())), BY_HOST);
    let quiet: String = BY_HOST.split_inclusive('\n').skip(1).take(4).collect();
    assert_eq!(printed(&format!("-r {} --by host -q", tour.display())), quiet);
    assert_eq!(printed(&format!("-r {} --format csv", capture("refused.pcap").display())), CSV);
}

#[test]
fn a_long_table_is_folded() {
    let scan = capture("scan-100.pcap");
    let folded = printed(&format!("-r {}", scan.display()));
    let lines: Vec<&str> = folded.lines().collect();
    assert_eq!(lines.len(), 23, "{folded}");
    assert!(lines[21].starts_with("… ") && lines[21].ends_with(" more: --all, or parts/index.jsonl"), "{folded}");
    let packets = |line: &str| -> u64 {
        let word = line.split_whitespace().rev().nth(2).expect("a column");
        word.parse().expect("a number")
    };
    assert!(lines[1..21].windows(2).all(|pair| packets(pair[0]) >= packets(pair[1])), "{folded}");
    let whole = printed(&format!("-r {} --all", scan.display()));
    let files = whole.lines().count() - 2;
    assert!(
        files > 100 && lines[21].contains(&format!("… {} more files", files - 20))
            || lines[21].contains(&(files - 20).to_string())
    );
    assert!(lines[1..21].iter().all(|line| whole.contains(line.split_whitespace().next().expect("a name"))));
}

#[test]
fn records_on_standard_output_are_those_of_the_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run_in(folder.path(), &format!("split -o parts --format jsonl -r {}", capture("tour.pcapng").display()));
    let printed: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert_eq!(printed, index(&folder.path().join("parts")).0);
    for (format, rows) in [("tsv", 13), ("md", 14)] {
        let ran = run_in(folder.path(), &format!("split -o {format} --format {format} -r {}", capture("tour.pcapng").display()));
        assert_eq!(ran.stdout.lines().count(), rows, "{}", ran.stdout);
    }
}
