//! A filter lets the same frames through live as it does from a file, tagged or not, whatever the kernel does with the tags.

use super::{Capturing, start};
use crate::netns::{FAR_IP, FAR_MAC, NEAR_IP, NEAR_MAC, Pair, VETH};
use crate::program::{run, sockeye};
use etherparse::PacketBuilder;
use pnet::datalink::{self, Channel};
use std::path::Path;
use std::thread;
use std::time::Duration;

for_backends! {
    live_and_from_a_file_filters_agree
    inbound_and_outbound_with_q_too
    files_end_in_time_while_the_filter_turns_everything_away
}

/// Tags, and the filter's words for what the frames carry: a TCP segment to port 80, one to port 22, a UDP datagram to port 53
/// (long), an ARP request.
const TAGS: [&[(u16, u16)]; 4] = [&[], &[(0x8100, 42)], &[(0x88a8, 100), (0x8100, 42)], &[(0x8100, 0x6007)]];

/// Filters and how many of the sixteen frames each lets through. After `vlan`, the words look behind one tag, as tcpdump's do:
/// a segment behind two is no TCP then.
const FILTERS: [(&str, usize); 20] = [
    ("tcp port 80", 4),
    ("not tcp port 80", 12),
    ("tcp and not port 80", 4),
    ("tcp", 8),
    ("not tcp", 8),
    ("udp port 53", 4),
    ("arp", 4),
    ("ip and not udp", 8),
    ("host 10.1.1.1 and not tcp port 22", 8 + 4),
    ("vlan", 12),
    ("not vlan", 4),
    ("vlan 42", 4),
    ("vlan 100", 4),
    ("vlan 7", 4),
    ("vlan 42 and tcp port 80", 1),
    ("vlan 100 and vlan 42 and udp", 1),
    ("vlan and not tcp", 2 + 4 + 2),
    ("len > 500", 4),
    ("less 100 and tcp", 8),
    ("ether proto 0x8100", 8),
];

fn frames() -> Vec<Vec<u8>> {
    let tcp = |port: u16| {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 1, 1, 2], [10, 1, 1, 1], 64).tcp(40_000, port, 1, 1000).syn().write(&mut out, &[]).unwrap();
        (0x0800, out)
    };
    let udp = {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 1, 1, 2], [10, 1, 1, 1], 64).udp(40_000, 53).write(&mut out, &[7; 600]).unwrap();
        (0x0800, out)
    };
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend(FAR_MAC);
    arp.extend([10, 1, 1, 2]);
    arp.extend([0; 6]);
    arp.extend([10, 1, 1, 1]);
    arp.extend([0; 18]); // as an Ethernet card pads it
    let carried: [(u16, Vec<u8>); 4] = [tcp(80), tcp(22), udp, (0x0806, arp)];
    let mut frames = Vec::new();
    for tags in TAGS {
        for (ethertype, payload) in &carried {
            let mut frame = [NEAR_MAC, FAR_MAC].concat();
            for (tpid, tci) in tags {
                frame.extend(tpid.to_be_bytes());
                frame.extend(tci.to_be_bytes());
            }
            frame.extend(ethertype.to_be_bytes());
            frame.extend(payload);
            frames.push(frame);
        }
    }
    frames
}

/// Sends frames as they are from the far side.
fn inject(pair: &Pair, frames: &[Vec<u8>]) {
    pair.far.run(|| {
        let all = datalink::interfaces();
        let veth = all.iter().find(|interface| interface.name == VETH).expect("is there");
        let Ok(Channel::Ethernet(mut sender, _)) = datalink::channel(veth, datalink::Config::default()) else {
            panic!("no channel")
        };
        for frame in frames {
            sender.send_to(frame, None).expect("not refused").expect("sends");
        }
    });
}

fn live_and_from_a_file_filters_agree(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = |i: usize| folder.path().join(format!("{i}.pcap"));
    // Only what comes in: the near side's answers to the segments are not ours.
    let all = folder.path().join("all.pcap");
    let everything = start(&pair, backend, &format!("capture -i veth0 -Q in -w {}", all.display()));
    let filtered: Vec<Capturing> = FILTERS
        .iter()
        .enumerate()
        .map(|(i, (filter, _))| start(&pair, backend, &format!("capture -i veth0 -Q in -w {} {filter}", path(i).display())))
        .collect();
    let sent = frames();
    inject(&pair, &sent);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(everything.interrupt().code(), Some(0));
    // The frames themselves, tags and all; and how many.
    let frames_of = |words: &[&str], file: &Path| {
        let ran = run(sockeye().args(["packets", "--plain", "-t", "-e", "-XX", "-r"]).arg(file).args(words));
        let count = ran.stdout.lines().filter(|line| !line.starts_with('\t')).count();
        (count, ran.stdout)
    };
    assert_eq!(frames_of(&[], &all).0, sent.len());
    for (i, (capturing, (filter, expected))) in filtered.into_iter().zip(FILTERS).enumerate() {
        let ran = capturing.interrupt();
        assert_eq!(ran.code(), Some(0), "{filter}: {}", ran.stderr);
        let (live, from_file) = (frames_of(&[], &path(i)), frames_of(&[filter], &all));
        assert_eq!((live.0, from_file.0), (expected, expected), "{filter}: live, from a file");
        assert_eq!(live.1, from_file.1, "{filter}");
    }
}

/// A datagram comes, its echo goes: each word captures one of the two, and the kernel does not deliver the other.
#[test]
fn inbound_and_outbound_capture_their_way() {
    for asked in ["", "--backend pnet"] {
        for (word, way) in [("inbound", "> 10.77.0.1.4000:"), ("outbound", "> 10.77.0.2.5000:")] {
            let Some(pair) = Pair::new() else { return };
            let echo = super::silent_sink(&pair);
            let mut command = sockeye();
            command.args("packets --plain -i veth0".split(' ')).args(asked.split_whitespace()).args([word, "and", "udp"]);
            let capturing = super::start_command(&pair, command);
            let other = pair.far.run(|| std::net::UdpSocket::bind((FAR_IP, 5000)).expect("binds"));
            other.send_to(b"there", (NEAR_IP, 4000)).expect("sends");
            echo.send_to(b"back", (FAR_IP, 5000)).expect("sends");
            capturing.wait_for_lines(1);
            thread::sleep(Duration::from_millis(300));
            let ran = capturing.interrupt();
            assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), 1), "{word} {asked}: {}", ran.stdout);
            assert!(ran.stdout.contains(way), "{word} {asked}: {}", ran.stdout);
            assert!(ran.stderr.ends_with(&super::closing_lines(1, 1, 0)), "{word} {asked}: {}", ran.stderr);
        }
    }
}

/// libpcap does not say which way a packet went: the words are refused rather than capture nothing.
#[test]
fn libpcap_refuses_what_it_cannot_tell() {
    let Some(pair) = Pair::new() else { return };
    for word in ["inbound", "outbound"] {
        let mut command = sockeye();
        command.args("packets -i veth0 --backend libpcap".split(' ')).args([word, "and", "udp"]);
        let ran = super::spawn(&pair, command).end();
        let told = "sockeye: veth0: libpcap does not say which way a packet went, so inbound and outbound would match nothing: \
                    use -Q in or -Q out, or leave out --backend libpcap\n";
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(2), told), "{word}");
    }
}

/// Only one way is captured, so which way is known, by libpcap too.
fn inbound_and_outbound_with_q_too(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let echo = super::silent_sink(&pair);
    let other = pair.far.run(|| std::net::UdpSocket::bind((FAR_IP, 5000)).expect("binds"));
    for (way, count) in [("in", 1), ("out", 0)] {
        let capturing = start(&pair, backend, &format!("packets --plain -i veth0 -Q {way} inbound and udp"));
        other.send_to(b"there", (NEAR_IP, 4000)).expect("sends");
        echo.send_to(b"back", (FAR_IP, 5000)).expect("sends");
        thread::sleep(Duration::from_millis(500));
        let ran = capturing.interrupt();
        assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), count), "{way}: {}{}", ran.stdout, ran.stderr);
    }
}

/// Packets go by all the time, and none that the filter lets through: time goes by all the same.
fn files_end_in_time_while_the_filter_turns_everything_away(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = super::silent_sink(&pair);
    let folder = tempfile::tempdir().expect("made");
    let base = folder.path().join("r.pcap");
    // A loop over headers is for us to decide: the kernel lets all packets through.
    let line = format!("capture -i veth0 -G 1 -w {} -Z root --no-sandbox ip protochain 17 and src port 4999", base.display());
    let capturing = start(&pair, backend, &line);
    pair.far.run(|| {
        let wanted = std::net::UdpSocket::bind((FAR_IP, 4999)).expect("binds");
        wanted.send_to(b"one", (NEAR_IP, 4000)).expect("sends");
        let others = std::net::UdpSocket::bind((FAR_IP, 5000)).expect("binds");
        let complete = || {
            let names = std::fs::read_dir(folder.path()).expect("reads").map(|entry| entry.expect("reads").file_name());
            names.filter(|name| !name.to_string_lossy().ends_with(".part")).count() > 0
        };
        let start = std::time::Instant::now();
        while !complete() {
            assert!(start.elapsed() < super::PATIENCE, "the file is not ended: {}", capturing.stderr());
            others.send_to(b"other", (NEAR_IP, 4000)).expect("sends");
            thread::sleep(Duration::from_millis(10));
        }
    });
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("rejected by sockeye's filter"), "{}", ran.stderr);
}
