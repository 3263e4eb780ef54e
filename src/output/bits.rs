//! `sockeye explain --packet N`: the headers of one packet, field by field: where it stands, how many bits, its value, what it means.
//!
//! Read from the bytes alone, layer by layer as the decoder found them. Positions count from the first byte of each header, as the
//! figures of the RFCs do.

use super::story::reported;
use super::style::{Style, Tone, clean};
use super::units;
use super::wrap::wrap;
use crate::decode::{LayerKind, Packet, TcpOption, TcpOptions};
use crate::event::{Event, Keep, Sink};
use crate::model::{Frame, IpProtocol};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Columns where nothing says how many there are.
const WIDTH: usize = 110;
/// No narrower than this.
const NARROWEST: usize = 40;
/// Columns that a meaning needs to stand beside its value.
const ROOM: usize = 18;
/// Most of a value that is shown in hex, bytes.
const SHOWN: usize = 16;

/// A field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    /// First bit, from the start of the header.
    at: usize,
    /// Bits.
    bits: usize,
    name: &'static str,
    value: String,
    meaning: String,
}

/// A header and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    name: &'static str,
    source: &'static str,
    offset: usize,
    fields: Vec<Field>,
}

/// Waits for one packet, and writes its headers.
#[derive(Debug)]
pub struct BitsSink<W> {
    out: W,
    number: u64,
    style: Style,
    found: bool,
}

impl<W: Write> BitsSink<W> {
    /// The headers of the packet with this number in the first file.
    pub const fn new(out: W, number: u64, style: Style) -> Self {
        Self { out, number, style, found: false }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Was there such a packet?
    #[must_use]
    pub const fn found(&self) -> bool {
        self.found
    }
}

impl<W: Write> Sink for BitsSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, .. } if (frame.source, frame.number) == (0, self.number) && !self.found => {
                self.found = true;
                self.out.write_all(page(frame, packet, self.style).as_bytes())?;
                Ok(Keep::Enough)
            }
            Event::Summary(_) => self.out.flush().map(|()| Keep::Going),
            _ => Ok(Keep::Going),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn page(frame: &Frame<'_>, packet: &Packet<'_>, style: Style) -> String {
    let mut text = String::new();
    let line = format!(
        "#{}: {} on the wire, {} captured, {} UTC",
        frame.number,
        units::counted(u64::from(frame.wire_len), "byte"),
        units::count(frame.bytes.len() as u64),
        units::date_time(frame.ts)
    );
    let width = style.width.unwrap_or(WIDTH).max(NARROWEST);
    heading(&mut text, style, width, &line);
    for header in headers(packet) {
        text.push('\n');
        let source = if header.source.is_empty() { String::new() } else { format!(" ({})", header.source) };
        heading(&mut text, style, width, &format!("{}{source}, from byte {} of the frame", header.name, header.offset));
        let name = header.fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
        let value = header.fields.iter().map(|field| field.value.chars().count()).max().unwrap_or(0);
        for field in &header.fields {
            for line in lines(field, name, value, width, style) {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    if let Some(issue) = packet.issue {
        text.push('\n');
        let line = format!("The decoder stopped at byte {} of the frame: what follows is not shown.", issue.offset);
        for line in wrap("", 0, width, &line) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

fn heading(text: &mut String, style: Style, width: usize, line: &str) {
    for line in wrap("", 0, width, &style.glyphs(line)) {
        let _ = writeln!(text, "{}", style.paint(Tone::Heading, &line));
    }
}

/// A field: place, size, name, value, meaning, in columns as far as they fit.
fn lines(field: &Field, name: usize, value: usize, width: usize, style: Style) -> Vec<String> {
    let place = format!("{}.{}", field.at / 8, field.at % 8);
    let size = if field.bits.is_multiple_of(8) && field.bits >= 64 {
        format!("{} bytes", field.bits / 8)
    } else {
        units::counted(field.bits as u64, "bit")
    };
    let lead = format!("  {place:>5}  {size:>8}  ");
    let hang = lead.len();
    let (meaning, shown) = (style.glyphs(&field.meaning), style.glyphs(&field.value));
    let named = format!("{lead}{:<name$}  {shown}", field.name);
    let columns = hang + name + 2 + value + 2;
    if meaning.is_empty() && named.chars().count() <= width {
        return vec![named];
    }
    if columns + ROOM <= width || columns + meaning.chars().count() <= width {
        return wrap(&format!("{lead}{:<name$}  {shown:<value$}  ", field.name), columns, width, &meaning);
    }
    // Too narrow for a column of meanings: they stand below.
    let mut lines =
        if named.chars().count() <= width { vec![named] } else { wrap(&lead, hang, width, &format!("{}  {shown}", field.name)) };
    if !meaning.is_empty() {
        lines.extend(wrap(&" ".repeat(hang), hang, width, &meaning));
    }
    lines
}

fn headers(packet: &Packet<'_>) -> Vec<Header> {
    let layers: Vec<_> = packet.layers().collect();
    let end = end_of_datagram(packet);
    let mut headers = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let from = (layer.offset as usize).min(end);
        let to = layers.get(i + 1).map_or(end, |next| (next.offset as usize).clamp(from, end));
        let bytes = &packet.bytes[from..to];
        headers.push(header(layer.kind, from, bytes, packet));
        if layer.kind == LayerKind::Quoted {
            headers.extend(quoted_transport(from, bytes));
        }
    }
    if let Some(padding) = packet.bytes.get(end..).filter(|padding| !padding.is_empty()) {
        let mut b = Builder { bytes: padding, fields: Vec::new(), quoted: false };
        b.rest("padding", "behind the datagram: it fills the frame up");
        headers.push(Header { name: "Padding", source: "", offset: end, fields: b.fields });
    }
    headers
}

/// Where the IP datagram ends, by its header; of anything else where the bytes do.
fn end_of_datagram(packet: &Packet<'_>) -> usize {
    let captured = packet.bytes.len();
    if packet.addresses().is_none() || packet.ip_len == 0 {
        return captured;
    }
    captured.min(packet.network_at.saturating_add(packet.ip_len) as usize)
}

/// The header behind a quoted IP header, as much of it as is quoted: ICMP promises 8 bytes (RFC 792). None behind extensions of IPv6,
/// and none in later fragments.
fn quoted_transport(offset: usize, ip: &[u8]) -> Option<Header> {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*ip.get(at)?, *ip.get(at + 1)?])));
    let (protocol, length, end) = if ip.first()? >> 4 == 4 {
        let later = word(6)? & 0x1fff != 0;
        (*ip.get(9).filter(|_| !later)?, header_len(ip), word(2)?)
    } else {
        (*ip.get(6)?, 40, 40 + word(4)?)
    };
    let bytes = ip.get(length..end.min(ip.len())).filter(|bytes| !bytes.is_empty())?;
    let mut b = Builder { bytes, fields: Vec::new(), quoted: true };
    let (name, source) = match protocol {
        1 => ("quoted ICMP", icmp(&mut b, false)),
        6 => ("quoted TCP", tcp(&mut b, None)),
        17 => ("quoted UDP", udp(&mut b)),
        58 => ("quoted ICMPv6", icmp(&mut b, true)),
        _ => return None,
    };
    Some(Header { name, source: source.1, offset: offset + length, fields: b.fields })
}

fn header(kind: LayerKind, offset: usize, bytes: &[u8], packet: &Packet<'_>) -> Header {
    let mut b = Builder { bytes, fields: Vec::new(), quoted: false };
    let (name, source) = match kind {
        LayerKind::Ethernet => ethernet(&mut b),
        LayerKind::Vlan => vlan(&mut b),
        LayerKind::Arp => arp(&mut b),
        LayerKind::Ipv4 => ipv4(&mut b, "IPv4"),
        LayerKind::Quoted if bytes.first().is_some_and(|first| first >> 4 == 4) => ipv4(&mut b, "quoted IPv4"),
        LayerKind::Ipv6 => ipv6(&mut b, "IPv6"),
        LayerKind::Quoted => ipv6(&mut b, "quoted IPv6"),
        LayerKind::Tcp => tcp(&mut b, Some(packet.payload_len)),
        LayerKind::Udp => udp(&mut b),
        LayerKind::Icmp => icmp(&mut b, false),
        LayerKind::Icmpv6 => icmp(&mut b, true),
        LayerKind::Payload => {
            b.rest("data", &units::counted(u64::from(packet.payload_len), "byte"));
            ("Data", "")
        }
        other => {
            b.rest("bytes", "");
            (other.name(), "")
        }
    };
    Header { name, source, offset, fields: b.fields }
}

/// Cuts fields out of a header.
struct Builder<'b> {
    bytes: &'b [u8],
    fields: Vec<Field>,
    /// A header that was quoted: what is not there was not quoted, and is not missed.
    quoted: bool,
}

impl Builder<'_> {
    /// The number in these bits; `None` where they were not captured.
    fn number(&self, at: usize, bits: usize) -> Option<u64> {
        let mut number = 0_u64;
        for bit in at..at + bits {
            let byte = self.bytes.get(bit / 8)?;
            number = number << 1 | u64::from(byte >> (7 - bit % 8) & 1);
        }
        Some(number)
    }

    /// A number with what it means.
    fn field(&mut self, at: usize, bits: usize, name: &'static str, meaning: impl FnOnce(u64) -> String) {
        let Some(number) = self.number(at, bits) else {
            if self.quoted {
                return;
            }
            self.fields.push(Field { at, bits, name, value: "not captured".to_owned(), meaning: String::new() });
            return;
        };
        let value = match bits {
            1..8 => format!("{number:0bits$b} = {number}"),
            _ => format!("0x{number:0width$x} = {number}", width = bits.div_ceil(4)),
        };
        self.fields.push(Field { at, bits, name, value, meaning: meaning(number) });
    }

    /// A flag.
    fn flag(&mut self, at: usize, name: &'static str, meaning: &'static str) {
        self.field(at, 1, name, |set| if set == 1 { meaning.to_owned() } else { String::new() });
    }

    /// Bytes with what they mean.
    fn bytes(&mut self, at: usize, len: usize, name: &'static str, meaning: impl FnOnce(&[u8]) -> String) {
        let found = self.bytes.get(at..at + len);
        let (value, meaning) = match found {
            None if self.quoted => return,
            Some(bytes) => (hex(bytes), meaning(bytes)),
            None => ("not captured".to_owned(), String::new()),
        };
        self.fields.push(Field { at: at * 8, bits: len * 8, name, value, meaning });
    }

    /// All that is left, as it is.
    fn rest(&mut self, name: &'static str, meaning: &str) {
        let at = self.fields.last().map_or(0, |field| (field.at + field.bits).div_ceil(8));
        let rest = self.bytes.get(at..).unwrap_or_default();
        if !rest.is_empty() {
            self.fields.push(Field { at: at * 8, bits: rest.len() * 8, name, value: hex(rest), meaning: meaning.to_owned() });
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}

fn none(_: u64) -> String {
    String::new()
}

fn mac(bytes: &[u8]) -> String {
    let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    if bytes.iter().all(|byte| *byte == 0xff) {
        return format!("{text}: everybody");
    }
    if bytes.first().is_some_and(|first| first & 1 == 1) { format!("{text}: a group") } else { text }
}

fn ethertype(number: u64) -> String {
    match number {
        0x0800 => "IPv4".to_owned(),
        0x0806 => "ARP".to_owned(),
        0x86dd => "IPv6".to_owned(),
        0x8100 => "a VLAN tag (802.1Q) follows".to_owned(),
        0x88a8 => "an outer VLAN tag (802.1ad) follows".to_owned(),
        0x8847 => "MPLS".to_owned(),
        0x8864 => "PPPoE session".to_owned(),
        0..=1500 => "a length, not a type (802.3)".to_owned(),
        _ => String::new(),
    }
}

fn ethernet(b: &mut Builder<'_>) -> (&'static str, &'static str) {
    b.bytes(0, 6, "destination", mac);
    b.bytes(6, 6, "source", mac);
    b.field(96, 16, "type", ethertype);
    ("Ethernet", "IEEE 802.3")
}

fn vlan(b: &mut Builder<'_>) -> (&'static str, &'static str) {
    b.field(0, 3, "priority", |n| format!("class {n}"));
    b.flag(3, "drop eligible", "to be dropped first");
    b.field(4, 12, "VLAN id", |n| if n == 0 { "priority only".to_owned() } else { format!("VLAN {n}") });
    b.field(16, 16, "type", ethertype);
    ("VLAN tag", "IEEE 802.1Q")
}

fn arp(b: &mut Builder<'_>) -> (&'static str, &'static str) {
    b.field(0, 16, "hardware", |n| if n == 1 { "Ethernet".to_owned() } else { String::new() });
    b.field(16, 16, "protocol", ethertype);
    b.field(32, 8, "hardware length", |n| units::counted(n, "byte"));
    b.field(40, 8, "protocol length", |n| units::counted(n, "byte"));
    b.field(48, 16, "operation", |n| match n {
        1 => "request: who has it?".to_owned(),
        2 => "reply: I have it".to_owned(),
        _ => String::new(),
    });
    if b.number(32, 16) != Some(0x0604) && b.number(32, 16).is_some() {
        // Addresses of other lengths.
        b.rest("addresses", "");
        return ("ARP", "RFC 826");
    }
    b.bytes(8, 6, "sender's hardware", mac);
    b.bytes(14, 4, "sender's address", v4);
    b.bytes(18, 6, "target's hardware", mac);
    b.bytes(24, 4, "target's address", v4);
    ("ARP", "RFC 826")
}

fn v4(bytes: &[u8]) -> String {
    <[u8; 4]>::try_from(bytes).map_or_else(|_| String::new(), |octets| Ipv4Addr::from(octets).to_string())
}

fn v6(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map_or_else(|_| String::new(), |octets| Ipv6Addr::from(octets).to_string())
}

fn protocol(number: u64) -> String {
    IpProtocol(number as u8).name().unwrap_or_default().to_uppercase()
}

fn dscp(number: u64) -> String {
    match number {
        0 => "best effort".to_owned(),
        46 => "expedited (EF)".to_owned(),
        n if n.is_multiple_of(8) => format!("class selector {}", n / 8),
        _ => String::new(),
    }
}

fn ecn(number: u64) -> String {
    ["not ECN-capable", "ECN-capable (1)", "ECN-capable (0)", "congestion met on the way"][(number & 3) as usize].to_owned()
}

fn ipv4(b: &mut Builder<'_>, name: &'static str) -> (&'static str, &'static str) {
    b.field(0, 4, "version", none);
    b.field(4, 4, "header length", |n| format!("{n} × 4 = {} bytes", n * 4));
    b.field(8, 6, "DSCP", dscp);
    b.field(14, 2, "ECN", ecn);
    b.field(16, 16, "total length", |n| format!("{}, header included", units::counted(n, "byte")));
    b.field(32, 16, "identification", |_| "the same in all fragments of a datagram".to_owned());
    b.flag(48, "reserved", "must be 0");
    b.flag(49, "don't fragment", "routers may not cut it in pieces");
    b.flag(50, "more fragments", "pieces of the same datagram follow");
    b.field(51, 13, "fragment offset", |n| if n == 0 { "the beginning".to_owned() } else { format!("{n} × 8 = byte {}", n * 8) });
    b.field(64, 8, "time to live", passes);
    b.field(72, 8, "protocol", protocol);
    let sum = ones_complement(b.bytes.get(..header_len(b.bytes)).unwrap_or_default());
    b.field(80, 16, "header checksum", |_| match sum {
        Some(0xffff) => "correct: all words of the header add up to ffff".to_owned(),
        Some(sum) => format!("wrong, or not filled in yet: the words add up to {sum:04x}, not ffff"),
        None => String::new(),
    });
    b.bytes(12, 4, "source", v4);
    b.bytes(16, 4, "destination", v4);
    let len = header_len(b.bytes);
    if len > 20 {
        b.bytes(20, len - 20, "options", |_| String::new());
    }
    (name, "RFC 791")
}

/// Each router takes one off, and drops what comes to 0 (RFC 1812 section 5.3.1, RFC 8200 section 3).
fn passes(left: u64) -> String {
    match left {
        0 => "nobody may pass it on".to_owned(),
        1 => "no router passes it on".to_owned(),
        left => format!("up to {} pass it on", units::counted(left - 1, "router")),
    }
}

fn header_len(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| usize::from(first & 15) * 4)
}

/// The sum of RFC 1071; `None` of nothing.
fn ones_complement(bytes: &[u8]) -> Option<u16> {
    if bytes.is_empty() {
        return None;
    }
    let mut sum: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Some(sum as u16)
}

fn ipv6(b: &mut Builder<'_>, name: &'static str) -> (&'static str, &'static str) {
    b.field(0, 4, "version", none);
    b.field(4, 6, "DSCP", dscp);
    b.field(10, 2, "ECN", ecn);
    b.field(12, 20, "flow label", |_| "the same for packets that belong together".to_owned());
    b.field(32, 16, "payload length", |n| format!("{} after this header", units::counted(n, "byte")));
    b.field(48, 8, "next header", protocol);
    b.field(56, 8, "hop limit", passes);
    b.bytes(8, 16, "source", v6);
    b.bytes(24, 16, "destination", v6);
    (name, "RFC 8200")
}

fn port(number: u64) -> String {
    match number {
        0..=1023 => "a system port (RFC 6335)".to_owned(),
        1024..=32_767 => "a user port (RFC 6335)".to_owned(),
        32_768..=49_151 => "a user port, and one of those that Linux picks for programs".to_owned(),
        _ => "a dynamic port: picked by a kernel, as a rule".to_owned(),
    }
}

/// `data`: bytes of data behind it, where that is known.
fn tcp(b: &mut Builder<'_>, data: Option<u32>) -> (&'static str, &'static str) {
    b.field(0, 16, "source port", port);
    b.field(16, 16, "destination port", port);
    let (syn, fin) = (b.number(110, 1) == Some(1), b.number(111, 1) == Some(1));
    b.field(32, 32, "sequence number", |_| {
        let meaning = match (data, syn, fin) {
            (_, true, _) => "where the numbering starts",
            (Some(0), false, true) => "that of the FIN: there are no data",
            (Some(0), false, false) => "the next to be used: there are no data",
            _ => "of the first byte of data",
        };
        meaning.to_owned()
    });
    let ack = b.number(107, 1) == Some(1);
    b.field(64, 32, "acknowledgment number", |_| {
        if ack { "the next number that is wanted".to_owned() } else { "means nothing without ACK".to_owned() }
    });
    b.field(96, 4, "data offset", |n| format!("{n} × 4 = {} bytes of header", n * 4));
    b.field(100, 3, "reserved", none);
    b.flag(103, "AE", "accurate ECN (RFC 9768)");
    b.flag(104, "CWR", "sends less since congestion was reported (RFC 3168)");
    b.flag(105, "ECE", "congestion was met on the way (RFC 3168)");
    b.flag(106, "URG", "the urgent pointer counts");
    b.flag(107, "ACK", "the acknowledgment number counts");
    b.flag(108, "PSH", "hand it to the program at once");
    b.flag(109, "RST", "there is no such connection, or no longer");
    b.flag(110, "SYN", "asks to talk: uses a number");
    b.flag(111, "FIN", "sends nothing more: uses a number");
    b.field(112, 16, "window", move |n| {
        if syn {
            format!("{}, never scaled in a SYN", units::counted(n, "byte"))
        } else {
            "bytes it takes, before scaling (RFC 7323)".to_owned()
        }
    });
    b.field(128, 16, "checksum", |_| "over this segment and the addresses".to_owned());
    let urgent = b.number(106, 1) == Some(1);
    b.field(144, 16, "urgent pointer", move |_| if urgent { String::new() } else { "means nothing without URG".to_owned() });
    let len = b.bytes.get(12).map_or(20, |byte| usize::from(byte >> 4) * 4).min(b.bytes.len());
    options(b, len);
    ("TCP", "RFC 9293 section 3.1")
}

fn options(b: &mut Builder<'_>, len: usize) {
    let Some(bytes) = b.bytes.get(20..len) else { return };
    for (place, name, meaning) in tcp_options(bytes) {
        b.bytes(20 + place.start, place.len(), name, |_| meaning);
    }
}

/// The options of a TCP header: where each stands among their bytes, its name, what it means.
pub(super) fn tcp_options(bytes: &[u8]) -> Vec<(Range<usize>, &'static str, String)> {
    let (mut found, mut at) = (Vec::new(), 0);
    for option in TcpOptions::new(bytes).map_while(Result::ok) {
        let size = match bytes.get(at) {
            Some(0 | 1) | None => 1,
            Some(_) => bytes.get(at + 1).map_or(1, |size| usize::from(*size).max(1)),
        };
        let (name, meaning) = option_words(&option);
        found.push((at..at + size, name, meaning));
        at += size;
        if option == TcpOption::End {
            break;
        }
    }
    found
}

fn option_words(option: &TcpOption<'_>) -> (&'static str, String) {
    match option {
        TcpOption::End => ("end of options", String::new()),
        TcpOption::Nop => ("no operation", "fills up".to_owned()),
        TcpOption::Mss(mss) => ("MSS", format!("takes segments of {mss} bytes of data at most")),
        TcpOption::WindowScale(scale) => {
            ("window scale", format!("its windows count 2^{scale} = {} times", 1_u32 << (*scale).min(14)))
        }
        TcpOption::SackPermitted => ("SACK permitted", "may be told what arrived beyond a hole".to_owned()),
        TcpOption::Sack(blocks) => {
            let list: Vec<String> = blocks.iter().map(|(first, end)| format!("{first} to {}", end.wrapping_sub(1))).collect();
            ("SACK", format!("has {}", list.join(", ")))
        }
        TcpOption::Timestamps { value, echo } => ("timestamps", format!("its clock {value}, the peer's last {echo}")),
        TcpOption::Md5(_) => ("MD5 signature", String::new()),
        TcpOption::UserTimeout { value, minutes } => {
            ("user timeout", format!("{value} {}", if *minutes { "minutes" } else { "seconds" }))
        }
        TcpOption::Authentication { .. } => ("authentication", "TCP-AO (RFC 5925)".to_owned()),
        TcpOption::Multipath { subtype, .. } => ("multipath", format!("MPTCP, kind {subtype} (RFC 8684)")),
        TcpOption::FastOpen { cookie: [], .. } => ("fast open", "asks for a cookie (RFC 7413)".to_owned()),
        TcpOption::FastOpen { .. } => ("fast open", "a cookie (RFC 7413)".to_owned()),
        TcpOption::Unknown { kind, .. } => ("option", format!("kind {kind}")),
    }
}

fn udp(b: &mut Builder<'_>) -> (&'static str, &'static str) {
    b.field(0, 16, "source port", port);
    b.field(16, 16, "destination port", port);
    b.field(32, 16, "length", |n| format!("{n} - 8 = {} of data", units::counted(n.saturating_sub(8), "byte")));
    b.field(48, 16, "checksum", |n| if n == 0 { "none".to_owned() } else { "over this datagram and the addresses".to_owned() });
    ("UDP", "RFC 768")
}

fn icmp(b: &mut Builder<'_>, v6: bool) -> (&'static str, &'static str) {
    b.field(0, 8, "type", move |n| clean(icmp_type(v6, n)).into_owned());
    let kind = b.number(0, 8).unwrap_or_default();
    b.field(8, 8, "code", move |code| icmp_code(v6, kind, code).to_owned());
    b.field(16, 16, "checksum", none);
    match (v6, kind) {
        (false, 0 | 8) | (true, 128 | 129) => {
            b.field(32, 16, "identifier", |_| "tells one ping from another".to_owned());
            b.field(48, 16, "sequence number", none);
        }
        (false, 3) if b.number(8, 8) == Some(4) => {
            b.field(32, 16, "unused", none);
            b.field(48, 16, "next-hop MTU", |n| format!("{} fit through (RFC 1191)", units::counted(n, "byte")));
        }
        (true, 2) => b.field(32, 32, "MTU", |n| format!("{} fit through", units::counted(n, "byte"))),
        _ => {}
    }
    b.rest("rest", "");
    if v6 { ("ICMPv6", "RFC 4443") } else { ("ICMP", "RFC 792") }
}

/// What a code says; only errors have codes that say something.
fn icmp_code(v6: bool, kind: u64, code: u64) -> &'static str {
    let (Ok(kind), Ok(code)) = (u8::try_from(kind), u8::try_from(code)) else { return "" };
    match (v6, kind) {
        (false, 3 | 11) | (true, 1..=3) => reported(v6, kind, code),
        _ => "",
    }
}

const fn icmp_type(v6: bool, kind: u64) -> &'static str {
    match (v6, kind) {
        (false, 0) | (true, 129) => "echo reply",
        (false, 3) | (true, 1) => "destination unreachable",
        (false, 4) => "source quench",
        (false, 5) | (true, 137) => "redirect",
        (false, 8) | (true, 128) => "echo request",
        (false, 11) | (true, 3) => "time exceeded",
        (true, 2) => "packet too big",
        (true, 133) => "router solicitation",
        (true, 134) => "router advertisement",
        (true, 135) => "neighbour solicitation",
        (true, 136) => "neighbour advertisement",
        _ => "",
    }
}
