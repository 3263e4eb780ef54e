//! The summary as people see it, to the character.

use super::*;
use crate::decode::{IssueKind, LayerKind};
use crate::event::Reason;
use crate::flow::FlowKind;
use crate::flow::{EndReason, FlowId};
use crate::model::{FileFormat, InterfaceInfo, LinkType, LiveBackend, SourceKind};
use crate::output::fixture::{at, established, flow, nine, source, totals};

const PIPE: Style = Style { width: None, colour: false, ascii: false };
const TERMINAL: Style = Style { width: Some(80), colour: false, ascii: false };

fn config(style: Style) -> SummaryConfig {
    SummaryConfig { style, source_words: vec!["-r".into(), "mix.pcap".into()], ..SummaryConfig::default() }
}

fn shown(config: SummaryConfig, records: &[FlowRecord], summary: &RunSummary) -> String {
    let mut sink = SummarySink::new(Vec::new(), config);
    for record in records {
        sink.on_event(&Event::Flow(record)).unwrap();
    }
    sink.on_event(&Event::Summary(summary)).unwrap();
    String::from_utf8(sink.into_inner()).unwrap()
}

const NINE: &str = "\
mix.pcap   pcap, nanoseconds, Raw IP
  2026-11-20 21:11:20.520 to 21:11:35.908 UTC (15.388 s) · whole packets
  1,951 packets, 1.74 MB: TCP 1,945, UDP 5, ICMP 1 · 3 hosts · 0 not understood
  Seen near 10.98.0.1 (it answers in 0.03 ms, the other side in 22.4 ms)
  35 segments resent: 23 lost before this point · 5 beyond it · 7 SYNs repeated
  Drops while capturing: unknown, this file format does not record them

ID  STATE      CLIENT → SERVER                      RTT     OUT       IN  RESENT
c1  closed     10.98.0.1:49370 → 10.98.0.2:80    22.5ms    73 B     92 B       0
c2  refused    10.98.0.1:36086 → 10.98.0.2:81    22.5ms     0 B      0 B       0
u1  answered   10.98.0.1:50511 → 10.98.0.2:53    23.0ms    34 B     50 B       -
u2  answered   10.98.0.1:46485 → 10.98.0.2:53    22.5ms    33 B     33 B       -
c3  closed     10.98.0.1:49382 → 10.98.0.2:80    22.4ms    76 B  1.50 MB      23
c4  reset ←    10.98.0.1:34594 → 10.98.0.2:9001  26.6ms     2 B      0 B       0
c5  closed     10.98.0.1:44092 → 10.98.0.2:9002  22.4ms  120 kB      0 B       5
u3  refused    10.98.0.1:51524 → 10.98.0.2:9999  23.2ms     4 B      0 B       -
c6  no answer  10.98.0.1:55510 → 10.98.0.99:80        -     0 B      0 B       7

Next: sockeye explain c2 -r mix.pcap · sockeye handshakes -r mix.pcap
";

#[test]
fn nine_conversations() {
    assert_eq!(shown(config(TERMINAL), &nine(), &totals()), NINE);
    // Nothing of it is too wide for a terminal, so a pipe gets the same.
    // In a pipe each command has a line of its own.
    assert_eq!(shown(config(PIPE), &nine(), &totals()), NINE.replace(" · sockeye handshakes", "\n      sockeye handshakes"));
}

#[test]
fn what_a_file_is_is_said_before_it_is_read_and_more_of_it_when_it_is_known() {
    let config = SummaryConfig { at_once: true, ..config(TERMINAL) };
    let summary = totals();
    let mut info = summary.sources[0].info.clone();
    let mut sink = SummarySink::new(Vec::new(), config.clone());
    sink.on_event(&Event::Source { index: 0, info: &info }).unwrap();
    assert_eq!(String::from_utf8(sink.out.clone()).unwrap(), "mix.pcap   pcap, nanoseconds, Raw IP\n");
    for record in &nine() {
        sink.on_event(&Event::Flow(record)).unwrap();
    }
    sink.on_event(&Event::Summary(&summary)).unwrap();
    assert_eq!(String::from_utf8(sink.into_inner()).unwrap(), NINE);

    let mut sink = SummarySink::new(Vec::new(), config);
    sink.on_event(&Event::Source { index: 0, info: &info }).unwrap();
    info.interfaces.push(InterfaceInfo { link: Some(LinkType::ETHERNET), ..InterfaceInfo::default() });
    sink.on_event(&Event::Source { index: 0, info: &info }).unwrap();
    let mut grown = totals();
    grown.sources[0].info = info;
    sink.on_event(&Event::Summary(&grown)).unwrap();
    let text = String::from_utf8(sink.into_inner()).unwrap();
    let start = "mix.pcap   pcap, nanoseconds, Raw IP\n  In all: pcap, nanoseconds, Raw IP and Ethernet, 2 interfaces\n  2026-";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn ascii_and_colour_change_no_word() {
    let ascii = shown(config(Style { ascii: true, ..TERMINAL }), &nine(), &totals());
    assert!(ascii.is_ascii());
    assert!(ascii.contains("c4 reset <-  10.98.0.1:34594 -> 10.98.0.2:9001 26.6ms"), "{ascii}");
    let colour = shown(config(Style { colour: true, ..TERMINAL }), &nine(), &totals());
    assert!(colour.contains("c2  \x1b[31mrefused\x1b[0m    10.98.0.1:36086"), "{colour}");
    let mut bare = colour;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, NINE);
}

#[test]
fn quiet_is_the_table_alone() {
    let text = shown(SummaryConfig { quiet: true, ..config(PIPE) }, &nine(), &totals());
    assert_eq!(text, NINE.split_inclusive('\n').skip(7).take(10).collect::<String>());
}

#[test]
fn a_filter_is_repeated_and_what_it_left_out_is_said() {
    let config = SummaryConfig { filter: Some("tcp port 81 or icmp".into()), ..config(TERMINAL) };
    let summary = RunSummary { matched: 2, wire_bytes: 104, protocols: [("TCP", 2)].into(), ..totals() };
    let text = shown(config, &nine()[1..2], &summary);
    assert!(text.contains("\n  1,951 packets read, 2 match \"tcp port 81 or icmp\"\n  2 packets, 104 B: TCP 2 ·"), "{text}");
    assert!(
        text.ends_with(
            "
Next: sockeye explain c2 -r mix.pcap 'tcp port 81 or icmp'
      sockeye handshakes -r mix.pcap 'tcp port 81 or icmp'
"
        ),
        "{text}"
    );
}

#[test]
fn long_ipv6_addresses_are_cut_on_a_terminal_and_whole_in_a_pipe() {
    let mut record = flow(
        FlowKind::Tcp,
        1,
        State::HalfClosed,
        "[2001:db8:aaaa:bbbb:1234:5678:9abc:def0]:49370",
        "[2001:db8:cafe:babe:1111:2222:3333:4444]:443",
        123_456,
        7_654_321,
    );
    record.handshake = Some(established(1, 0.0, 22.4, 0.03));
    let table = |style| shown(SummaryConfig { quiet: true, ..config(style) }, std::slice::from_ref(&record), &totals());
    assert_eq!(
        table(TERMINAL),
        "\
ID STATE       CLIENT → SERVER                         RTT    OUT      IN RESENT
c1 half-closed [2001…def0]:49370 → [2001:…4444]:443 22.4ms 123 kB 7.65 MB      -
"
    );
    assert_eq!(
        table(PIPE),
        "\
ID  STATE        CLIENT → SERVER                                                                                   RTT     OUT       IN  RESENT
c1  half-closed  [2001:db8:aaaa:bbbb:1234:5678:9abc:def0]:49370 → [2001:db8:cafe:babe:1111:2222:3333:4444]:443  22.4ms  123 kB  7.65 MB       -
"
    );
    // So narrow that columns go, in their order; state and round trip never do.
    let narrow = table(Style { width: Some(64), ..TERMINAL });
    assert_eq!(
        narrow,
        "\
ID STATE       CLIENT → SERVER                        RTT RESENT
c1 half-closed [2001…def0]:49370 → [2001…4444]:443 22.4ms      -
(OUT and IN left out at 64 columns; --width shows more)
"
    );
}

#[test]
fn of_many_conversations_twenty_are_shown_and_the_rest_counted() {
    let records: Vec<_> = (1..=4231)
        .map(|n| {
            let state = if n % 500 == 0 { State::NoAnswer } else { State::Closed };
            let mut record = flow(FlowKind::Tcp, n, state, "10.0.0.1:5000", "10.0.0.2:80", n, 0);
            record.start = at(n as f64);
            record
        })
        .collect();
    let text = shown(config(TERMINAL), &records, &RunSummary { flows: 4231, ..totals() });
    let lines: Vec<_> = text.lines().skip(5).collect();
    assert_eq!(lines[0], "4,231 conversations; the 20 that matter most (failed first, then by bytes):");
    assert!(lines[2].starts_with("c4000  no answer  "), "{}", lines[2]);
    assert!(lines[10].starts_with("c4231  closed  "), "{}", lines[10]);
    assert_eq!(lines[22], "… 4,211 more (closed 4,211): --all shows them");
    let all = shown(SummaryConfig { all: Some(usize::MAX), ..config(TERMINAL) }, &records, &totals());
    assert_eq!(all.lines().filter(|l| l.starts_with('c')).count(), 4231);
    assert!(!all.contains("--all"));
}

#[test]
fn pieces_are_marked_and_are_not_what_failed() {
    let mut records: Vec<_> =
        (1..=60).map(|n| flow(FlowKind::Tcp, n, State::HalfOpen, "10.0.0.1:5000", "10.0.0.2:80", n, 0)).collect();
    for (n, record) in records.iter_mut().enumerate() {
        record.start = at(n as f64);
        record.end_reason = Some(if n == 3 { EndReason::Timeout } else { EndReason::Evicted });
    }
    let summary = RunSummary { flows: 60, evicted: 59, without_room: 7, ..totals() };
    let text = shown(config(TERMINAL), &records, &summary);
    let lines: Vec<_> = text.lines().collect();
    assert!(text.contains("\n  7 flows with segments forgotten for want of memory: RESENT and"), "{text}");
    let head = "at most 60 conversations, 59 of them pieces given out early (*); the 20 that";
    let at = lines.iter().position(|line| *line == head).expect("a heading");
    assert_eq!(lines[at + 1].trim_start(), "matter most (failed first, then by bytes):");
    assert!(lines[at + 3].starts_with("c4   half-open   "), "{}", lines[at + 3]);
    assert!(lines[at + 4].starts_with("c60  half-open*  "), "{}", lines[at + 4]);
    assert_eq!(lines[at + 23], "… 40 more (given out early 40): --all shows them");
    assert!(lines[at + 24].starts_with("* given out early for want of room"), "{text}");
}

#[test]
fn several_files_have_a_head_each_and_a_total() {
    let mut second = source("b.pcapng", 20);
    second.info.kind = SourceKind::File(FileFormat::PcapNg);
    second.info.interfaces = ["eth0", "lo\x1b[2J"]
        .map(|name| InterfaceInfo {
            name: Some(name.into()),
            link: Some(LinkType::ETHERNET),
            snaplen: Some(96),
            ticks_per_second: Some(1_000_000),
            ..InterfaceInfo::default()
        })
        .to_vec();
    second.stats.dropped_kernel = Some(1234);
    second.stats.received = Some(20_000);
    second.cut_frames = 12;
    second.info.warnings = vec!["interface 7 was never declared".into()];
    second.problem = Some("ends in the middle of packet 21 (17 of 40 bytes missing)".into());
    let mut summary = totals();
    summary.sources.push(second);
    let reason = |layer, kind, number| Reason { layer, kind, number };
    summary.not_understood = vec![
        (reason(LayerKind::Tcp, IssueKind::CutByCapture, 0), 12),
        (reason(LayerKind::Ethernet, IssueKind::UnknownProtocol, 0x88cc), 7),
    ];
    summary.evicted = 1;
    summary.fragments_lost = (2, 0);
    summary.fragments_unfit = (0, 3);
    let text = shown(config(TERMINAL), &nine(), &summary);
    let head: Vec<_> = text.lines().take_while(|l| !l.is_empty()).collect();
    assert_eq!(
        head.join("\n"),
        "\
mix.pcap   pcap, nanoseconds, Raw IP, whole packets, 1,951 packets
  Drops while capturing: unknown, this file format does not record them
b.pcapng   pcapng, microseconds, Ethernet, 2 interfaces (eth0 lo\\x1b[2J),
    cut to 96 bytes (12 packets), 20 packets
  Drops while capturing: kernel 1,234, interface unknown (20,000 received)
  Note: interface 7 was never declared
  Ended early: ends in the middle of packet 21 (17 of 40 bytes missing)
2 sources together
  2026-11-20 21:11:20.520 to 21:11:35.908 UTC (15.388 s)
  1,951 packets, 1.74 MB: TCP 1,945, UDP 5, ICMP 1 · 3 hosts · 19 not understood
    12 TCP cut by the snap length
    7 Ethernet carries unknown protocol 0x88cc
  Seen near 10.98.0.1 (it answers in 0.03 ms, the other side in 22.4 ms)
  35 segments resent: 23 lost before this point · 5 beyond it · 7 SYNs repeated
  1 flow evicted for want of room, and counted up to then
  Fragments: 2 datagrams never completed, 0 given up for want of room
  Fragments: 0 cut short, 3 malformed or overlapping"
    );
}

#[test]
fn live_tells_its_drops_and_proposes_nothing_that_cannot_be_repeated() {
    let mut summary = totals();
    summary.live = true;
    summary.sources[0].info.name = "eth0".into();
    summary.sources[0].info.kind = SourceKind::Live(LiveBackend::Libpcap);
    summary.sources[0].info.interfaces[0].link = Some(LinkType::ETHERNET);
    summary.sources[0].stats.received = Some(1951);
    summary.sources[0].stats.dropped_kernel = Some(0);
    summary.sources[0].stats.dropped_interface = Some(0);
    let text = shown(config(TERMINAL), &nine(), &summary);
    assert!(text.starts_with("eth0   live, libpcap, Ethernet\n"), "{text}");
    assert!(text.contains("\n  Drops: kernel 0, interface 0, sockeye 0 of 1,951 received\n"), "{text}");
    assert!(!text.contains("Next:"), "{text}");
}

#[test]
fn packets_that_are_several_on_the_wire_are_explained_once_for_each_interface() {
    let mut summary = totals();
    assert!(!shown(config(PIPE), &nine(), &summary).contains("TSO"));
    summary.sources[0].info.interfaces[0].name = Some("eth0".into());
    summary.joined = vec![(0, 0, 1204), (0, 7, 1)];
    let text = shown(config(PIPE), &nine(), &summary);
    let told: Vec<_> = text.lines().filter(|line| line.contains("(TSO, GSO, GRO)")).collect();
    assert_eq!(
        told,
        [
            "  1,204 packets of eth0 were several on the wire, cut or joined by the card or the kernel (TSO, GSO, GRO) · as they are \
             there: ethtool -K eth0 tso off gso off gro off",
            "  1 packet of mix.pcap was several on the wire, cut or joined by the card or the kernel (TSO, GSO, GRO) · as they are \
             there: ethtool -K INTERFACE tso off gso off gro off",
        ]
    );
}

#[test]
fn a_capture_without_packets_has_a_head_and_no_table() {
    let mut summary = RunSummary { sources: vec![source("quiet.pcap", 0)], ..RunSummary::default() };
    summary.sources[0].info.interfaces[0].link = Some(LinkType::ETHERNET);
    let text = shown(config(TERMINAL), &[], &summary);
    assert_eq!(text, "quiet.pcap   pcap, nanoseconds, Ethernet\n  0 packets\n");
}

#[test]
fn conversations_that_the_capture_spoiled_are_marked() {
    let mut records = nine();
    let legend = "? the capture dropped packets while this conversation ran: its counts are a minimum";
    assert!(!shown(config(PIPE), &records, &totals()).contains('?'));
    for record in &mut records {
        record.capture_drops = Some(3);
    }
    let text = shown(config(PIPE), &records, &totals());
    let rows: Vec<_> = text.lines().filter(|line| line.ends_with('?')).collect();
    assert_eq!(rows.len(), 9, "{text}");
    assert!(rows.iter().any(|row| row.ends_with(" -?")) && rows.iter().any(|row| row.ends_with(" 0?")), "{text}");
    assert_eq!(text.matches(legend).count(), 1, "{text}");
    assert!(text.lines().skip_while(|line| !line.ends_with('?')).nth(9).is_some_and(|line| line == legend), "{text}");
}

#[test]
fn odd_records_are_shown_and_not_believed() {
    let mut record = flow(FlowKind::Other, u64::MAX, State::Midway, "10.0.0.1:0", "10.0.0.2:0", u64::MAX, u64::MAX - 1);
    record.handshake = Some(established(1, 0.0, -5.0, -1.0));
    record.id = FlowId { kind: FlowKind::Other, number: 3 };
    let text = shown(SummaryConfig { quiet: true, ..config(TERMINAL) }, &[record], &totals());
    assert_eq!(
        text,
        "\
ID  STATE   CLIENT → SERVER            RTT      OUT       IN  RESENT
x3  midway  10.0.0.1 → 10.0.0.2 (gre)    -  18.4 EB  18.4 EB       -
"
    );
}
