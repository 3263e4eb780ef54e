//! What is in the parts: every packet of every capture of this repository, once (by hosts in the files of both).

use super::{captures_in, counted, flows, index, packets, packets_of, split, tcpdump_counts};
use crate::program::{capture, run, sockeye};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

fn captures() -> Vec<PathBuf> {
    let entries = fs::read_dir(capture("")).expect("captures").map(|entry| entry.expect("an entry").path());
    let plain = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
    let mut all: Vec<_> = entries.filter(plain).collect();
    all.sort();
    assert!(all.len() > 30);
    all
}

#[test]
fn every_packet_is_in_the_file_of_its_conversation() {
    for path in captures() {
        let name = path.display();
        let folder = tempfile::tempdir().expect("a folder");
        let (_, files, whole) = split(&path, folder.path(), "");
        let on_disk = captures_in(folder.path());
        assert_eq!(packets(&on_disk), packets(std::slice::from_ref(&path)), "{name}");
        let named: BTreeSet<PathBuf> =
            files.iter().map(|file| folder.path().join(file["name"].as_str().expect("a name"))).collect();
        assert_eq!(named, on_disk.iter().cloned().collect(), "{name}: the index names what is there");
        assert_eq!(whole["files"], files.len(), "{name}");
        let known = flows(&path);
        assert_eq!(known.len(), files.iter().filter(|file| !file["id"].is_null()).count(), "{name}: a file each");
        for (at, file) in files.iter().enumerate() {
            let path = folder.path().join(file["name"].as_str().expect("a name"));
            let count = file["packets"].as_u64().expect("a number");
            // Of scans there are a hundred files.
            let looked_into = at < 12 || at % 10 == 0;
            if looked_into {
                assert_eq!(packets_of(&path).len() as u64, count, "{}", path.display());
            }
            assert_eq!(fs::metadata(&path).expect("there").len(), file["bytes"], "{}", path.display());
            if looked_into && let Some(by_tcpdump) = tcpdump_counts(&path) {
                assert_eq!(by_tcpdump, count, "{}", path.display());
            }
            let Some(id) = file["id"].as_str() else { continue };
            let flow = &known[id];
            assert_eq!(
                (&file["state"], &file["start"], &file["end_reason"]),
                (&flow["state"], &flow["start"], &flow["end_reason"])
            );
            assert_eq!(counted(flow), count, "{}", path.display());
            if looked_into {
                let again: u64 = flows(&path).values().map(counted).sum();
                assert_eq!(again, count, "{}: read again", path.display());
            }
            let ends = [&flow["orig"]["ip"], &flow["resp"]["ip"]].map(|ip| ip.as_str().expect("an address").replace(':', "_"));
            assert!(ends.iter().all(|end| file["name"].as_str().expect("a name").contains(end.as_str())), "{file}");
        }
    }
}

#[test]
fn each_finding_has_all_who_take_part_in_it() {
    let mut files_of_findings = 0;
    for name in ["tour.pcapng", "scan-100.pcap", "scan-decoys.pcap", "arp-spoof.pcap", "lossy-download.pcap", "exposed-port.pcap"]
    {
        let path = capture(name);
        let folder = tempfile::tempdir().expect("a folder");
        let (_, files, whole) = split(&path, folder.path(), "--by finding");
        let (all, parts) = (packets(std::slice::from_ref(&path)), packets(&captures_in(folder.path())));
        assert!(parts.keys().eq(all.keys()), "{name}");
        let count = |packets: &BTreeMap<String, usize>| packets.values().sum::<usize>() as u64;
        let copies = whole["packets_in_two"].as_u64().expect("a number");
        assert_eq!(count(&parts), count(&all) + copies, "{name}");
        let ran = run(sockeye().args(["findings", "--format", "jsonl", "-r"]).arg(&path));
        let findings = ran.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a record"));
        let findings: Vec<_> = findings.filter(|record| record["type"] == "finding").collect();
        let mut wanted = BTreeSet::new();
        let known = flows(&path);
        for finding in findings.iter().filter(|finding| finding["flows_total"] != 0) {
            let code = finding["code"].as_str().expect("a code").replace('_', "-");
            let group = format!("{}-{code}", finding["id"].as_str().expect("an id"));
            let file = files.iter().find(|file| file["group"] == *group).unwrap_or_else(|| panic!("{name}: no {group}"));
            let part = packets_of(&folder.path().join(file["name"].as_str().expect("a name")));
            assert_eq!(file["packets"], part.len(), "{name} {group}");
            // One may count twice, for both its sides.
            let total = finding["flows_total"].as_u64().expect("a number");
            assert!((1..=total).contains(&file["flows"].as_u64().expect("a number")), "{name} {group}");
            if total <= 8 {
                let ids: BTreeSet<_> =
                    finding["flows"].as_array().expect("a list").iter().map(|id| id.as_str().unwrap()).collect();
                let packets: u64 = ids.iter().map(|id| counted(&known[*id])).sum();
                assert_eq!((file["flows"].as_u64(), part.len() as u64), (Some(ids.len() as u64), packets), "{name} {group}");
            }
            wanted.insert(group);
        }
        let groups = files.iter().filter_map(|file| file["group"].as_str()).filter(|group| *group != "no-finding");
        assert!(groups.map(str::to_owned).collect::<BTreeSet<_>>() == wanted, "{name}: a file for each finding, and no other");
        files_of_findings += wanted.len();
        let chosen = tempfile::tempdir().expect("a folder");
        let (_, chosen, _) = split(&path, chosen.path(), "--by finding --where finding");
        let without = files.iter().filter(|file| file["group"].as_str().is_some_and(|group| group != "no-finding"));
        assert!(chosen.iter().eq(without), "{name}: with a condition those of the others are the same");
    }
    assert!(files_of_findings > 12, "{files_of_findings} files");
}

#[test]
fn groups_hold_every_packet() {
    for name in ["tour.pcapng", "fragments.pcap", "unreachable.pcap", "ipv6.pcap", "two-interfaces.pcapng"] {
        let path = capture(name);
        let all = packets(std::slice::from_ref(&path));
        let known = flows(&path);
        for by in ["host", "port", "state", "protocol"] {
            let folder = tempfile::tempdir().expect("a folder");
            let (_, files, whole) = split(&path, folder.path(), &format!("--by {by}"));
            let parts = packets(&captures_in(folder.path()));
            let twice = whole["packets_in_two"].as_u64().expect("a number");
            if by == "host" {
                assert_eq!(parts.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>(), "{name}");
                assert!(twice > 0, "{name}");
            } else {
                assert_eq!((parts, twice), (all.clone(), 0), "{name} by {by}");
            }
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for flow in known.values() {
                let word = |value: &serde_json::Value| value.as_str().expect("a word").replace('_', "-").replace(':', "_");
                let groups = match by {
                    "host" => vec![word(&flow["orig"]["ip"]), word(&flow["resp"]["ip"])],
                    "port" if ["tcp", "udp"].contains(&flow["proto"].as_str().expect("a word")) => {
                        vec![format!("{}-{}", word(&flow["proto"]), flow["resp"]["port"])]
                    }
                    "port" | "protocol" => vec![word(&flow["proto"])],
                    _ => vec![word(&flow["state"])],
                };
                for group in groups.into_iter().collect::<BTreeSet<_>>() {
                    *expected.entry(group).or_default() += counted(flow);
                }
            }
            let got = files.iter().filter_map(|file| {
                let group = file["group"].as_str()?.to_owned();
                Some((group, file["packets"].as_u64().expect("a number")))
            });
            assert_eq!(got.collect::<BTreeMap<_, _>>(), expected, "{name} by {by}");
        }
    }
}

#[test]
fn the_filter_the_selection_and_several_files_are_those_of_other_commands() {
    let (tour, dns) = (capture("tour.pcapng"), capture("dns.pcap"));
    for (flags, filter) in [("--packets 20-120", ""), ("-c 50", ""), ("--from 23:15:08 --to 23:15:11.5", ""), ("", "tcp port 80")]
    {
        if cfg!(not(feature = "libpcap")) && !filter.is_empty() {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("selected.pcapng");
        let words = || flags.split_whitespace().chain(filter.split_whitespace());
        let ran = run(sockeye().args(["packets", "-r"]).arg(&tour).arg("-w").arg(&path).args(words()));
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        for by in ["flow", "state"] {
            let parts = folder.path().join(by);
            let ran = run(sockeye().args(["split", "--by", by, "-r"]).arg(&tour).arg("-o").arg(&parts).args(words()));
            assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{flags} {filter}");
            assert_eq!(packets(&captures_in(&parts)), packets(std::slice::from_ref(&path)), "{flags} {filter} by {by}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for by in ["flow", "port"] {
        let parts = folder.path().join(by);
        let ran = run(sockeye().args(["split", "--by", by, "-o"]).arg(&parts).arg("-r").arg(&tour).arg("-r").arg(&dns));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
        assert_eq!(packets(&captures_in(&parts)), packets(&[tour.clone(), dns.clone()]));
    }
}

#[test]
fn standard_input_is_split_by_conversations_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = capture("http-get.pcap");
    let given = || Stdio::from(fs::File::open(&path).expect("there"));
    let ran = run(sockeye().args(["split", "-r", "-", "-o", "parts"]).current_dir(folder.path()).stdin(given()));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    let parts = folder.path().join("parts");
    assert_eq!(packets(&captures_in(&parts)), packets(std::slice::from_ref(&path)));
    let ran = run(sockeye().args(["split", "-r", "-", "-o", "more", "--by", "state"]).current_dir(folder.path()).stdin(given()));
    let told = "sockeye: --by state reads the capture twice, and standard input can be read once\n";
    assert!(ran.code() == Some(2) && ran.stderr.starts_with(told), "{}", ran.stderr);
    assert!(!folder.path().join("more").exists());
}

#[test]
fn compressed_captures_are_read_twice_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = packets(&[capture("http-get.pcap")]);
    for end in ["gz", "zst", "xz", "lz4"] {
        let parts = folder.path().join(end);
        split(&capture(&format!("http-get.pcap.{end}")), &parts, "--by state");
        assert_eq!(packets(&captures_in(&parts)), all);
    }
}

#[test]
fn formats_keep_times_link_types_and_what_packets_bear() {
    let folder = tempfile::tempdir().expect("a folder");
    let both = folder.path().join("both.pcapng");
    let (ethernet, raw) = (capture("http-get.pcap"), capture("raw-ip.pcap"));
    let made = run(sockeye().args(["capture", "-w"]).arg(&both).arg("-r").arg(&ethernet).arg("-r").arg(&raw));
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    split(&both, &folder.path().join("two"), "");
    assert_eq!(packets(&captures_in(&folder.path().join("two"))), packets(std::slice::from_ref(&both)));
    // One file of two link types has to be pcapng; files of conversations have one each.
    let (_, files, _) = split(&both, &folder.path().join("classic"), "--write-format pcap");
    assert!(files.iter().all(|file| file["name"].as_str().is_some_and(|name| name.split('.').next_back() == Some("pcap"))));
    assert_eq!(packets(&captures_in(&folder.path().join("classic"))), packets(std::slice::from_ref(&both)));
    let one = folder.path().join("one");
    let ran = run(sockeye().args(["split", "--by", "protocol", "--write-format", "pcap", "-r"]).arg(&both).arg("-o").arg(&one));
    assert!(ran.code() == Some(1) && ran.stderr.contains("a pcap file holds one link type"), "{}", ran.stderr);
    // Interfaces are described in each file that has packets of them, with their names.
    let two = folder.path().join("interfaces");
    split(&capture("two-interfaces.pcapng"), &two, "--by protocol");
    let names = |path: &PathBuf| {
        let ran = run(sockeye().args(["packets", "--format", "jsonl", "-r"]).arg(path));
        let mut records = ran.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let first = records.rfind(|record| record["type"] == "capture").expect("a record");
        let names = first["interfaces"].as_array().expect("a list").iter().map(|it| it["name"].to_string());
        names.collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = captures_in(&two).iter().flat_map(names).collect();
    assert_eq!(all, names(&capture("two-interfaces.pcapng")));
}

#[test]
fn more_interfaces_than_a_section_holds() {
    use sockeye::model::{Frame, InterfaceInfo, LinkType, Timestamp};
    use sockeye::pcapfile::write::{SectionInfo, interface, packet, section_header};
    let folder = tempfile::tempdir().expect("a folder");
    let one = fs::read(capture("http-get.pcap")).expect("a capture");
    let caplen = u32::from_le_bytes(one[24 + 8..24 + 12].try_into().expect("four")) as usize;
    let bytes = &one[40..40 + caplen];
    let mut file = Vec::new();
    section_header(&mut file, &SectionInfo::default());
    for number in 0..200 {
        let name = Some(format!("if{number}"));
        interface(&mut file, &InterfaceInfo { name, ..InterfaceInfo::default() }, LinkType::ETHERNET, false);
    }
    for number in 0..1000_u32 {
        let ts = Timestamp::from_nanos(i64::from(number) * 1_000_000_007);
        let options = None;
        let marks = sockeye::model::FrameMarks::NONE;
        let (interface, link, direction) = (number * 7 % 200, LinkType::ETHERNET, None);
        let wire_len = bytes.len() as u32;
        packet(
            &mut file,
            interface,
            false,
            &Frame { number: 1, source: 0, interface, ts, link, wire_len, bytes, direction, options, marks },
        );
    }
    let path = folder.path().join("many.pcapng");
    fs::write(&path, file).expect("written");
    split(&path, &folder.path().join("parts"), "");
    let (files, _) = index(&folder.path().join("parts"));
    assert_eq!(files.len(), 1);
    assert_eq!(packets(&captures_in(&folder.path().join("parts"))), packets(std::slice::from_ref(&path)));
    let named = |path: &PathBuf| {
        let ran = run(sockeye().args(["packets", "--format", "jsonl", "-r"]).arg(path));
        let mut names: Vec<String> = Vec::new();
        let mut interfaces = serde_json::Value::Null;
        for line in ran.stdout.lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            if record["type"] == "capture" {
                interfaces = record["interfaces"].clone();
            } else if let Some(at) = record["interface"].as_u64() {
                names.push(interfaces[at as usize]["name"].to_string());
            }
        }
        names
    };
    let names = named(&path);
    assert!(names.len() == 1000 && names[1] == "\"if7\"");
    assert_eq!(named(&captures_in(&folder.path().join("parts"))[0]), names);
}
