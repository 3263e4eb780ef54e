//! Scans of a real nmap, over namespaces of our own, watched live: named by their kind, with the ports that nmap itself says are open,
//! closed and filtered. Needs root and nmap; without them every test says SKIPPED and passes.

#![cfg(target_os = "linux")]

#[path = "support/netns.rs"]
mod netns;
#[path = "support/program.rs"]
mod program;

use netns::{Pair, VETH, skipped};
use program::sockeye;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

/// The second host: another address of the near namespace. The scanner is the far one.
const OTHER: &str = "10.77.0.3";

/// Hosts and ports by what was found of them.
type Found = BTreeMap<(String, u16), String>;

/// A namespace with two hosts at which some ports are open, and one that scans.
struct Lab {
    pair: Pair,
    _listeners: Vec<TcpListener>,
    _socket: UdpSocket,
}

impl Lab {
    fn new() -> Option<Self> {
        if Command::new("nmap").arg("-V").output().is_err() {
            skipped("needs nmap");
            return None;
        }
        let pair = Pair::new()?;
        pair.near.ip(&format!("addr add {OTHER}/24 dev {VETH}"));
        let (listeners, socket) = pair.near.run(|| {
            // ICMP errors are not held back: what is closed is to be seen.
            fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0").expect("set");
            let listeners = [1022, 1040, 1077].map(|port| TcpListener::bind(("0.0.0.0", port)).expect("bound"));
            (Vec::from(listeners), UdpSocket::bind(("0.0.0.0", 1053)).expect("bound"))
        });
        Some(Self { pair, _listeners: listeners, _socket: socket })
    }

    /// Watches while nmap scans: the findings, and what nmap says.
    fn scan(&self, options: &str) -> (Vec<Value>, Found) {
        let mut watching = self.watch();
        let mut nmap = Command::new("nmap");
        nmap.args(["-n", "-Pn", "--disable-arp-ping", "-oX", "-"]).args(options.split(' ')).args(["10.77.0.1", OTHER]);
        let said = self.pair.far.run(|| nmap.output().expect("nmap runs"));
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        (end(&mut watching), answers(&String::from_utf8_lossy(&said.stdout)))
    }

    fn watch(&self) -> Child {
        let mut command = sockeye();
        command.args(["findings", "-i", VETH, "--format", "jsonl"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.pair.near.run(|| command.spawn().expect("runs"));
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        assert!(lines.any(|line| line.expect("text").contains("listening on")), "it never listened");
        // The rest is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        child
    }
}

/// Ends it as Ctrl-C does, and reads its findings.
fn end(watching: &mut Child) -> Vec<Value> {
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &watching.id().to_string()]).status().expect("kill runs").success());
    let mut text = String::new();
    watching.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert!(watching.wait().expect("ended").success());
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    records.filter(|record| record["type"] == "finding").collect()
}

/// The value of an attribute in a piece of XML.
fn attribute<'x>(xml: &'x str, name: &str) -> &'x str {
    let from = xml.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3);
    let from = from.unwrap_or_else(|| panic!("{name} in {xml}"));
    xml[from..].split('"').next().unwrap_or_default()
}

/// What nmap says of each port, from its XML.
fn answers(xml: &str) -> Found {
    let mut found = Found::new();
    for host in xml.split("<host ").skip(1) {
        let ip = attribute(&host[host.find("<address").expect("an address")..], "addr").to_owned();
        for port in host.split("<port ").skip(1) {
            let port = &format!(" {}", port.split("</port>").next().unwrap_or_default());
            found.insert((ip.clone(), attribute(port, "portid").parse().expect("a port")), attribute(port, "state").to_owned());
        }
        for alike in host.split("<extraports ").skip(1) {
            let alike = &format!(" {alike}");
            let state = attribute(alike, "state");
            for ports in alike.split("<extrareasons ").skip(1) {
                for range in attribute(&format!(" {ports}"), "ports").split(',') {
                    let (from, to) = range.split_once('-').unwrap_or((range, range));
                    let (from, to): (u16, u16) = (from.parse().expect("a port"), to.parse().expect("a port"));
                    found.extend((from..=to).map(|port| ((ip.clone(), port), state.to_owned())));
                }
            }
        }
    }
    found
}

/// The scans by a host among findings.
fn scans_by<'f>(findings: &'f [Value], scanner: &str) -> Vec<&'f Value> {
    findings.iter().filter(|f| f["code"] == "port_scan" && f["data"]["scanner"] == scanner).map(|f| &f["data"]).collect()
}

fn ours(scan: &Value) -> Found {
    let found = scan["found"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let state = |value: &Value| text(value).replace("_or_", "|");
    found.map(|f| ((text(&f["ip"]), f["port"].as_u64().expect("a port") as u16), state(&f["state"]))).collect()
}

#[track_caller]
fn is_named(lab: &Lab, options: &str, kind: &str, holds: impl Fn(&Found, &Found)) {
    let (findings, nmap) = lab.scan(options);
    let scans = scans_by(&findings, netns::FAR_IP);
    assert_eq!(scans.len(), 1, "{options}: {findings:#?}");
    assert_eq!(findings.len(), 1, "{options}: nothing else is found: {findings:#?}");
    assert_eq!(scans[0]["kind"], kind, "{options}");
    holds(&ours(scans[0]), &nmap);
}

/// What was found is what nmap says.
#[track_caller]
fn alike(ours: &Found, nmap: &Found) {
    assert!(nmap.len() >= 60, "{nmap:?}");
    assert_eq!(ours, nmap);
}

#[test]
fn kinds_of_tcp_scans_at_full_speed() {
    let Some(lab) = Lab::new() else { return };
    for timing in ["-T3", "-T4", "-T5"] {
        for (kind, option) in
            [("syn", "-sS"), ("connect", "-sT"), ("fin", "-sF"), ("null", "-sN"), ("xmas", "-sX"), ("maimon", "-sM")]
        {
            is_named(&lab, &format!("{option} {timing} -p 1001-1100"), kind, alike);
        }
    }
}

#[test]
fn ack_and_window_scans_look_alike() {
    let Some(lab) = Lab::new() else { return };
    is_named(&lab, "-sA -T4 -p 1001-1100", "ack_window", alike);
    // A reset says that the port is there; what nmap reads from its window is not in this one's words.
    is_named(&lab, "-sW -T4 -p 1001-1100", "ack_window", |ours, nmap| {
        assert_eq!(ours.keys().collect::<Vec<_>>(), nmap.keys().collect::<Vec<_>>());
        assert!(ours.values().all(|state| state == "unfiltered"));
    });
}

#[test]
fn datagrams() {
    let Some(lab) = Lab::new() else { return };
    is_named(&lab, "-sU -T4 -p 1030-1060", "udp", alike);
}

#[test]
fn other_ports_sizes_and_flags_hide_nothing() {
    let Some(lab) = Lab::new() else { return };
    is_named(&lab, "-sS -T4 -p 1001-1100 --source-port 53", "syn", alike);
    is_named(&lab, "-sF -T4 -p 1001-1100 --scanflags PSHURG", "odd_flags", alike);
    is_named(&lab, "-sS -T4 -p 1001-1100 --scanflags SYNURG", "syn", alike);
    // nmap takes no answer to a SYN with data for one: which hosts and ports are asked is what is compared.
    is_named(&lab, "-sS -T4 -p 1001-1100 --data-length 20 --max-retries 0", "syn", |ours, nmap| {
        assert_eq!(ours.keys().collect::<Vec<_>>(), nmap.keys().collect::<Vec<_>>());
    });
}

#[test]
fn a_polite_scan_is_one_too() {
    let Some(lab) = Lab::new() else { return };
    is_named(&lab, "-sS -T2 -p 1015-1044", "syn", |ours, nmap| assert_eq!(ours, nmap));
}

#[test]
fn decoys_are_scanners_as_far_as_packets_tell() {
    let Some(lab) = Lab::new() else { return };
    let (findings, nmap) = lab.scan("-sS -T4 -p 1001-1100 -D 10.77.0.7,ME,10.77.0.8");
    let scans = scans_by(&findings, netns::FAR_IP);
    assert_eq!(scans.len(), 1, "{findings:#?}");
    alike(&ours(scans[0]), &nmap);
    for decoy in ["10.77.0.7", "10.77.0.8"] {
        assert_eq!(scans_by(&findings, decoy).len(), 1, "{decoy}: {findings:#?}");
    }
}
