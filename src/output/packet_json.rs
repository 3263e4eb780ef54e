//! `sockeye packets --format jsonl`: a record for every packet with the fields of each layer, written without an
//! allocation per packet. The keys are listed in `packet_keys`.

use super::capture_record::Framing;
use super::json::JsonLine;
use super::text::Text;
use crate::decode::{Issue, IssueKind, LayerKind, Network, Packet, TcpFlags, TcpHeader, TcpOption, Transport};
use crate::event::{Event, Keep, Sink};
use crate::flow::wireshark::Analysis;
use crate::flow::{Change, Confidence, Direction, Note, Verdict};
use crate::model::{Frame, FrameDirection};
use std::io::{self, Write};

/// Writes packet records.
#[derive(Debug)]
pub struct PacketJsonSink<W> {
    out: W,
    json: JsonLine,
    framing: Framing,
}

impl<W: Write> PacketJsonSink<W> {
    /// Records that are written to `out`, which should be buffered. `filter` is the capture filter of the run.
    #[must_use]
    pub fn new(out: W, filter: Option<String>) -> Self {
        Self { out, json: JsonLine::default(), framing: Framing::new(filter) }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }
}

impl<W: Write> Sink for PacketJsonSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Packet { frame, packet, note } = event {
            record(&mut self.json, frame, packet, note);
            self.json.finish(&mut self.out)?;
        } else {
            self.framing.on_event(event, &mut self.json, &mut self.out)?;
        }
        if let Event::Summary(_) = event {
            self.out.flush()?;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn record(json: &mut JsonLine, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) {
    json.start("packet");
    json.key("number");
    json.number(frame.number);
    json.key("file");
    json.number(u64::from(frame.source) + 1);
    json.key("ts");
    json.time(frame.ts);
    json.key("interface");
    json.number(u64::from(frame.interface));
    json.key("link_type");
    json.number(u64::from(frame.link.0));
    json.key("direction");
    json.maybe_text(frame.direction.map(|d| match d {
        FrameDirection::Inbound => "in",
        FrameDirection::Outbound => "out",
    }));
    json.key("length");
    json.number(u64::from(frame.wire_len));
    json.key("captured");
    json.number(frame.bytes.len() as u64);
    json.key("flow");
    json.or_null(note.flow, |json, id| json.quoted(|line| line.flow_id(id)));
    json.key("side");
    json.maybe_text(note.direction.map(|d| match d {
        Direction::Originator => "orig",
        Direction::Responder => "resp",
    }));
    json.key("change");
    change(json, note.change);
    json.key("layers");
    json.open_list();
    for layer in packet.layers() {
        json.text(layer_word(layer.kind));
    }
    json.close_list();
    json.key("issue");
    json.or_null(packet.issue, issue);
    link(json, packet);
    network(json, packet);
    transport(json, packet, note);
    // Of a TCP header that only stands inside (quoted, or in the first fragment of a tunnel) there is but Wireshark's opinion.
    if packet.transport != Transport::Tcp
        && let Some(analysis) = &note.wireshark
    {
        json.key("tcp");
        json.open();
        wireshark(json, analysis);
        json.close();
    }
}

/// The word for a kind of header in `layers` and `issue`.
pub(super) const fn layer_word(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Ethernet => "eth",
        LayerKind::Vlan => "vlan",
        LayerKind::Tag => "tag",
        LayerKind::Llc => "llc",
        LayerKind::Sll => "sll",
        LayerKind::Sll2 => "sll2",
        LayerKind::Null => "null",
        LayerKind::Ppp => "ppp",
        LayerKind::Pppoe => "pppoe",
        LayerKind::Mpls => "mpls",
        LayerKind::Radiotap => "radiotap",
        LayerKind::Ieee80211 => "wifi",
        LayerKind::Arp => "arp",
        LayerKind::Ipv4 => "ipv4",
        LayerKind::Ipv6 => "ipv6",
        LayerKind::Ipv6Extension => "ipv6_extension",
        LayerKind::Ipv6Fragment => "ipv6_fragment",
        LayerKind::Ah => "ah",
        LayerKind::Tcp => "tcp",
        LayerKind::Udp => "udp",
        LayerKind::Icmp => "icmp",
        LayerKind::Icmpv6 => "icmpv6",
        LayerKind::Sctp => "sctp",
        LayerKind::Gre => "gre",
        LayerKind::Vxlan => "vxlan",
        LayerKind::Geneve => "geneve",
        LayerKind::Gtp => "gtp",
        LayerKind::Teredo => "teredo",
        LayerKind::Ayiya => "ayiya",
        LayerKind::Erspan => "erspan",
        LayerKind::Quoted => "quoted",
        LayerKind::Payload => "payload",
    }
}

fn change(json: &mut JsonLine, change: Option<Change>) {
    let Some(change) = change else { return json.null() };
    json.open();
    match change {
        Change::State(state) => {
            json.key("state");
            json.text(state.key());
        }
        Change::SynRetry(n) => {
            json.key("syn_retry");
            json.number(u64::from(n));
        }
        Change::SynAck(rtt) => {
            json.key("rtt_responder");
            json.seconds(rtt);
        }
        Change::IcmpError => {
            json.key("icmp_error");
            json.bool(true);
        }
        Change::ZeroWindow => {
            json.key("zero_window");
            json.bool(true);
        }
        Change::WindowOpened => {
            json.key("zero_window");
            json.bool(false);
        }
    }
    json.close();
}

fn issue(json: &mut JsonLine, issue: Issue) {
    json.open();
    json.key("reason");
    json.text(match issue.kind {
        IssueKind::CutByCapture => "cut_by_capture",
        IssueKind::TooShort => "too_short",
        IssueKind::TooLong => "too_long",
        IssueKind::BadHeader => "bad_header",
        IssueKind::UnknownProtocol => "unknown_protocol",
        IssueKind::TooDeep => "too_deep",
        IssueKind::UnknownLinkType => "unknown_link_type",
        IssueKind::Encrypted => "encrypted",
    });
    json.key("layer");
    json.text(layer_word(issue.layer));
    json.key("offset");
    json.number(u64::from(issue.offset));
    json.key("needed");
    json.number(u64::from(issue.needed));
    json.key("had");
    json.number(u64::from(issue.had));
    json.close();
}

fn link(json: &mut JsonLine, packet: &Packet<'_>) {
    if let Some(eth) = packet.ethernet() {
        json.key("eth");
        json.open();
        json.key("src");
        json.hardware(&eth.source.0);
        json.key("dst");
        json.hardware(&eth.destination.0);
        json.key("type");
        json.number(u64::from(eth.type_or_length));
        json.close();
    }
    if packet.vlan != [0; 2] {
        json.key("vlan");
        json.open_list();
        for id in packet.vlan.into_iter().filter(|id| *id != 0) {
            json.number(u64::from(id));
        }
        json.close_list();
    }
    let Some(tunnel) = packet.tunnel.kind.key() else { return };
    json.key("tunnel");
    json.open();
    json.key("kind");
    json.text(tunnel);
    json.key("id");
    json.number(u64::from(packet.tunnel.id));
    json.key("depth");
    json.number(u64::from(packet.tunnel.depth));
    json.close();
}

fn network(json: &mut JsonLine, packet: &Packet<'_>) {
    if let Some(arp) = packet.arp() {
        json.key("arp");
        json.open();
        json.key("operation");
        json.number(u64::from(arp.operation()));
        for (key, hardware) in [("sender_mac", arp.sender_hardware()), ("target_mac", arp.target_hardware())] {
            json.key(key);
            json.hardware(hardware);
        }
        for (key, protocol) in [("sender_ip", arp.sender_protocol()), ("target_ip", arp.target_protocol())] {
            json.key(key);
            match <[u8; 4]>::try_from(protocol) {
                Ok(v4) => json.ip(v4.into()),
                Err(_) => json.bytes(protocol),
            }
        }
        json.close();
    }
    let Some((source, target)) = packet.addresses() else { return };
    let bytes = packet.network_bytes();
    let (version, hops, class) = match (packet.network, bytes) {
        (Network::Ipv4, [_, tos, ..]) => (4, bytes.get(8), *tos),
        (_, [first, second, ..]) => (6, bytes.get(7), first << 4 | second >> 4),
        _ => return,
    };
    json.key("ip");
    json.open();
    json.key("version");
    json.number(version);
    json.key("src");
    json.ip(source);
    json.key("dst");
    json.ip(target);
    json.key("ttl");
    json.maybe(hops.map(|h| u64::from(*h)));
    json.key("dscp");
    json.number(u64::from(class >> 2));
    json.key("ecn");
    json.number(u64::from(class & 3));
    json.key("length");
    json.number(u64::from(packet.ip_len));
    json.key("id");
    json.maybe(packet.datagram_id().map(u64::from));
    json.key("protocol");
    json.number(u64::from(packet.protocol.0));
    if packet.fragment.is_piece() {
        json.key("fragment_offset");
        json.number(u64::from(packet.fragment.offset));
        json.key("more_fragments");
        json.bool(packet.fragment.more);
    }
    json.key("payload_length");
    json.number(u64::from(packet.payload_len));
    json.close();
}

fn ports(json: &mut JsonLine, (source, target): (u16, u16)) {
    json.key("src_port");
    json.number(u64::from(source));
    json.key("dst_port");
    json.number(u64::from(target));
}

fn transport(json: &mut JsonLine, packet: &Packet<'_>, note: &Note) {
    match packet.transport {
        Transport::Tcp => {
            if let Some(header) = packet.tcp() {
                tcp(json, packet, &header, note);
            }
        }
        Transport::Udp => {
            if let Some(udp) = packet.udp() {
                json.key("udp");
                json.open();
                ports(json, (udp.source_port, udp.destination_port));
                json.key("length");
                json.number(u64::from(udp.length));
                json.key("checksum");
                json.number(u64::from(udp.checksum));
                json.close();
            }
        }
        Transport::Icmp | Transport::Icmpv6 => icmp(json, packet),
        Transport::Sctp => {
            if let Some(both) = packet.ports() {
                json.key("sctp");
                json.open();
                ports(json, both);
                json.close();
            }
        }
        Transport::None => {}
    }
}

fn tcp(json: &mut JsonLine, packet: &Packet<'_>, header: &TcpHeader<'_>, note: &Note) {
    json.key("tcp");
    json.open();
    ports(json, (header.source_port(), header.destination_port()));
    json.key("seq");
    json.number(u64::from(header.seq()));
    json.key("ack");
    json.maybe(header.flags().contains(TcpFlags::ACK).then(|| u64::from(header.ack())));
    json.key("relative_seq");
    json.maybe(note.relative_seq.map(u64::from));
    json.key("relative_ack");
    json.maybe(note.relative_ack.map(u64::from));
    json.key("flags");
    json.open_list();
    for word in flag_words(header.flags()) {
        json.text(word);
    }
    json.close_list();
    json.key("window");
    json.number(u64::from(header.window()));
    json.key("window_bytes");
    // RFC 7323 section 2.2: the window of a SYN is never scaled.
    let scale = if header.flags().contains(TcpFlags::SYN) { Some(0) } else { note.window_scale };
    json.maybe(scale.map(|s| u64::from(header.window()) << s.min(14)));
    json.key("checksum");
    json.number(u64::from(header.checksum()));
    json.key("payload_length");
    json.number(u64::from(packet.payload_len));
    json.key("options");
    json.open();
    options(json, header);
    json.close();
    if let Some(said) = &note.verdict {
        json.key("verdict");
        verdict(json, said);
    }
    if let Some(analysis) = &note.wireshark {
        wireshark(json, analysis);
    }
    json.close();
}

fn wireshark(json: &mut JsonLine, analysis: &Analysis) {
    json.key("wireshark");
    json.open_list();
    analysis.labels.names().for_each(|name| json.text(name));
    json.close_list();
    json.key("initial_rtt");
    json.or_null(analysis.initial_rtt, JsonLine::seconds);
    json.key("completeness");
    json.number(u64::from(analysis.completeness));
}

fn verdict(json: &mut JsonLine, verdict: &Verdict) {
    json.open();
    json.key("kind");
    json.text(verdict.kind.key());
    json.key("confidence");
    json.maybe_text(verdict.confidence.map(Confidence::key));
    json.key("evidence");
    json.open_list();
    verdict.evidence.keys().for_each(|word| json.text(word));
    json.close_list();
    json.key("against");
    json.maybe(verdict.against.map(|(_, number)| number));
    json.key("against_file");
    json.maybe(verdict.against.map(|(source, _)| u64::from(source) + 1));
    json.key("age");
    json.or_null(verdict.age, JsonLine::seconds);
    json.key("segments");
    json.number(u64::from(verdict.segments));
    json.key("provisional");
    json.bool(!verdict.settled);
    json.close();
}

/// Names of the flags that are set, in the order of people: `SYN ACK FIN RST PSH URG ECE CWR AE`.
pub(super) fn flag_words(flags: TcpFlags) -> impl Iterator<Item = &'static str> {
    const WORDS: [(TcpFlags, &str); 9] = [
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::PSH, "PSH"),
        (TcpFlags::ACK, "ACK"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::ECE, "ECE"),
        (TcpFlags::CWR, "CWR"),
        (TcpFlags::AE, "AE"),
    ];
    WORDS.into_iter().filter(move |(flag, _)| flags.contains(*flag)).map(|(_, word)| word)
}

/// Each option once: of repeated ones (a sender's fault) the first counts, so that no key is repeated.
fn options(json: &mut JsonLine, header: &TcpHeader<'_>) {
    let mut seen = [false; 256];
    let mut others = [false; 256];
    for option in header.options() {
        let Ok(option) = option else {
            json.key("malformed");
            json.bool(true);
            break;
        };
        let kind = match option {
            TcpOption::Mss(_) => 2,
            TcpOption::WindowScale(_) => 3,
            TcpOption::SackPermitted => 4,
            TcpOption::Sack(_) => 5,
            TcpOption::Timestamps { .. } => 8,
            TcpOption::FastOpen { .. } => 34,
            TcpOption::End | TcpOption::Nop => continue,
            TcpOption::Md5(_) => 19,
            TcpOption::UserTimeout { .. } => 28,
            TcpOption::Authentication { .. } => 29,
            TcpOption::Multipath { .. } => 30,
            TcpOption::Unknown { kind, .. } => kind,
        };
        if std::mem::replace(&mut seen[usize::from(kind)], true) {
            continue;
        }
        others[usize::from(kind)] = !known_option(json, &option);
    }
    if others.contains(&true) {
        json.key("other");
        json.open_list();
        for (kind, _) in others.iter().enumerate().filter(|(_, there)| **there) {
            json.number(kind as u64);
        }
        json.close_list();
    }
}

/// Writes an option that has a key of its own; has it?
fn known_option(json: &mut JsonLine, option: &TcpOption<'_>) -> bool {
    match option {
        TcpOption::Mss(mss) => {
            json.key("mss");
            json.number(u64::from(*mss));
        }
        TcpOption::WindowScale(shift) => {
            json.key("window_scale");
            json.number(u64::from(*shift));
        }
        TcpOption::SackPermitted => {
            json.key("sack_permitted");
            json.bool(true);
        }
        TcpOption::Sack(blocks) => {
            json.key("sack");
            json.open_list();
            for (left, right) in blocks.iter() {
                json.open_list();
                json.number(u64::from(left));
                json.number(u64::from(right));
                json.close_list();
            }
            json.close_list();
        }
        TcpOption::Timestamps { value, echo } => {
            json.key("timestamp_value");
            json.number(u64::from(*value));
            json.key("timestamp_echo");
            json.number(u64::from(*echo));
        }
        TcpOption::FastOpen { cookie, .. } => {
            json.key("fast_open_cookie");
            json.bytes(cookie);
        }
        _ => return false,
    }
    true
}

fn icmp(json: &mut JsonLine, packet: &Packet<'_>) {
    let Some(message) = packet.icmp() else { return };
    json.key("icmp");
    json.open();
    json.key("type");
    json.number(u64::from(message.kind()));
    json.key("code");
    json.number(u64::from(message.code()));
    if message.is_query() {
        json.key("id");
        json.maybe(message.id().map(u64::from));
        json.key("sequence");
        json.maybe(message.sequence().map(u64::from));
    }
    if let Some(mtu) = message.mtu() {
        json.key("mtu");
        json.number(u64::from(mtu));
    }
    if let Some(quoted) = message.quoted() {
        json.key("quoted");
        json.open();
        json.key("src");
        json.ip(quoted.source);
        json.key("dst");
        json.ip(quoted.target);
        json.key("protocol");
        json.number(u64::from(quoted.protocol.0));
        if let Some(both) = quoted.ports() {
            ports(json, both);
        }
        json.close();
    }
    json.close();
}
