//! The grammar of display filters, giving a capture filter as it goes.
//!
//! In a display filter `and` binds more tightly than `or`; in a capture filter both bind alike, from the left. So brackets are
//! put wherever the two are mixed.

use super::Untranslatable;
use super::fields::{self, Field};
use super::lex::{Word, WordKind, words};
use std::net::IpAddr;
use std::ops::Range;

/// A piece of capture filter, and how it is joined at its top.
#[derive(Clone, Debug)]
struct Piece {
    text: String,
    top: Top,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Top {
    One,
    And,
    Or,
}

impl Piece {
    fn one(text: impl Into<String>) -> Self {
        let text = text.into();
        let top = if text.contains(" or ") { Top::Or } else { Top::One };
        Self { text, top }
    }

    fn bracketed_unless(&self, top: Top) -> String {
        if self.top == Top::One || self.top == top { self.text.clone() } else { format!("({})", self.text) }
    }

    fn join(pieces: &[Self], top: Top) -> Self {
        let between = if top == Top::And { " and " } else { " or " };
        match pieces {
            [one] => one.clone(),
            many => Self { text: many.iter().map(|p| p.bracketed_unless(top)).collect::<Vec<_>>().join(between), top },
        }
    }

    fn not(&self) -> Self {
        Self { text: format!("not {}", self.bracketed_unless(Top::One)), top: Top::One }
    }
}

type Fault = (Range<usize>, Untranslatable);

/// Brackets in brackets beyond which nothing is translated.
const DEEPEST: usize = 64;

/// Says a display filter as a capture filter, or which part of it cannot be said.
pub(super) fn translate(text: &str) -> Result<String, Fault> {
    let words = words(text);
    let mut parser = Parser { text, words: &words, at: 0, depth: 0 };
    let piece = parser.either()?;
    match parser.peek() {
        None => Ok(piece.text),
        Some(word) => Err((word.span.clone(), Untranslatable::Syntax)),
    }
}

struct Parser<'a> {
    text: &'a str,
    words: &'a [Word<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Word<'a>> {
        self.words.get(self.at)
    }

    fn next_if(&mut self, wanted: impl Fn(&Word<'a>) -> bool) -> Option<&'a Word<'a>> {
        let word = self.peek().filter(|w| wanted(w))?;
        self.at += 1;
        Some(word)
    }

    fn unexpected(&self) -> Fault {
        let end = self.text.trim_end().len();
        (self.peek().map_or(end..end, |w| w.span.clone()), Untranslatable::Syntax)
    }

    fn either(&mut self) -> Result<Piece, Fault> {
        let mut pieces = vec![self.both()?];
        while self.next_if(|w| w.kind == WordKind::Or).is_some() {
            pieces.push(self.both()?);
        }
        Ok(Piece::join(&pieces, Top::Or))
    }

    fn both(&mut self) -> Result<Piece, Fault> {
        let mut pieces = vec![self.one()?];
        while self.next_if(|w| w.kind == WordKind::And).is_some() {
            pieces.push(self.one()?);
        }
        Ok(Piece::join(&pieces, Top::And))
    }

    fn one(&mut self) -> Result<Piece, Fault> {
        let mut negated = false;
        while self.next_if(|w| w.kind == WordKind::Not).is_some() {
            negated = !negated;
        }
        let piece = if self.next_if(|w| w.text == "(").is_some() {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.unexpected());
            }
            let inside = self.either()?;
            self.depth -= 1;
            self.next_if(|w| w.text == ")").ok_or_else(|| self.unexpected())?;
            inside
        } else {
            self.primitive()?
        };
        Ok(if negated { piece.not() } else { piece })
    }

    /// A comparison, a protocol, or words that are a capture filter already.
    fn primitive(&mut self) -> Result<Piece, Fault> {
        let field = self.next_if(|w| w.kind == WordKind::Plain).ok_or_else(|| self.unexpected())?;
        if let Some(comparison) = self.next_if(|w| w.kind == WordKind::Comparison) {
            let values = self.values()?;
            let end = self.words[self.at - 1].span.end;
            let span = field.span.start..end;
            return compare(field.text, comparison.text, &values).ok_or((span, Untranslatable::Field(field.text.to_owned())));
        }
        let alone = self.peek().is_none_or(|w| matches!(w.kind, WordKind::And | WordKind::Or) || w.text == ")");
        if alone && let Some(text) = fields::exists(field.text) {
            return Ok(Piece::one(text));
        }
        if field.text.split_once('.').is_some_and(|(p, f)| fields::is_protocol(p) && f.starts_with(char::is_alphabetic)) {
            return Err((field.span.clone(), Untranslatable::Field(field.text.to_owned())));
        }
        while self.next_if(|w| !matches!(w.kind, WordKind::And | WordKind::Or | WordKind::Not) && w.text != ")").is_some() {}
        let end = self.words[self.at - 1].span.end;
        Ok(Piece::one(&self.text[field.span.start..end]))
    }

    /// One value, or those of a set.
    fn values(&mut self) -> Result<Vec<&'a str>, Fault> {
        let value = |w: &Word<'_>| matches!(w.kind, WordKind::Plain | WordKind::Quoted);
        if self.next_if(|w| w.text == "{").is_none() {
            return Ok(vec![self.next_if(value).ok_or_else(|| self.unexpected())?.text]);
        }
        let mut values = Vec::new();
        while self.next_if(|w| w.text == "}").is_none() {
            values.push(self.next_if(value).ok_or_else(|| self.unexpected())?.text);
            self.next_if(|w| w.text == ",");
        }
        Ok(values)
    }
}

/// A comparison as a capture filter, if it can be one.
fn compare(name: &str, comparison: &str, values: &[&str]) -> Option<Piece> {
    let field = fields::field(name)?;
    let sign = match comparison {
        "==" | "===" | "=" | "eq" | "any_eq" | "all_eq" | "in" => "=",
        "!=" | "!==" | "~=" | "ne" | "all_ne" | "any_ne" => "!=",
        ">" | "gt" => ">",
        "<" | "lt" => "<",
        ">=" | "ge" => ">=",
        "<=" | "le" => "<=",
        "&" | "bitwise_and" => "&",
        _ => return None,
    };
    if values.is_empty() || (comparison != "in" && values.len() != 1) {
        return None;
    }
    let pieces = values.iter().map(|value| compare_one(name, field, sign, value)).collect::<Option<Vec<_>>>()?;
    Some(Piece::join(&pieces, Top::Or))
}

fn compare_one(name: &str, field: Field, sign: &str, value: &str) -> Option<Piece> {
    let negate = |text: String| {
        let found = Piece::one(text);
        match (sign, fields::exists(name)) {
            ("=", _) => Some(found),
            // Unequal in a display filter still needs the field to be there.
            ("!=", Some(protocol)) => Some(Piece::join(&[Piece::one(protocol), found.not()], Top::And)),
            ("!=", None) => Some(found.not()),
            _ => None,
        }
    };
    match field {
        Field::Address(protocol, direction) => {
            let (address, length) = value.split_once('/').map_or((value, None), |(a, l)| (a, Some(l)));
            let ip: IpAddr = address.parse().ok()?;
            if ip.is_ipv6() != (protocol == "ip6") || length.is_some_and(|l| l.parse::<u8>().is_err()) {
                return None;
            }
            negate(format!("{direction}{} {value}", if length.is_some() { "net" } else { "host" }))
        }
        Field::Ether(direction) => {
            let address = value.replace('-', ":");
            crate::filter::lex::is_mac(&address, ':').then_some(())?;
            negate(format!("ether {direction}host {address}"))
        }
        Field::Port(protocol, direction) => {
            let (from, to) = port_range(sign, value)?;
            let ports = if from == to { format!("port {from}") } else { format!("portrange {from}-{to}") };
            let text = format!("{protocol} {direction}{ports}");
            if sign == "!=" { negate(text) } else { Some(Piece::one(text)) }
        }
        Field::Number(text) => match value.split_once("..") {
            Some((from, to)) => {
                let bounds = [format!("{text} >= {}", number(from)?), format!("{text} <= {}", number(to)?)];
                Some(Piece::join(&bounds.map(Piece::one), Top::And))
            }
            None if sign == "&" => Some(Piece::one(format!("{text} & {} != 0", number(value).map(|_| value)?))),
            None => Some(Piece::one(format!("{text} {sign} {}", number(value).map(|_| value)?))),
        },
        Field::Bit(text) => {
            let set = match value {
                "1" | "True" | "TRUE" | "true" => true,
                "0" | "False" | "FALSE" | "false" => false,
                _ => return None,
            };
            let wanted = match sign {
                "=" => set,
                "!=" => !set,
                _ => return None,
            };
            Some(Piece::one(format!("{text} {} 0", if wanted { "!=" } else { "=" })))
        }
        Field::Equal(prefix) => {
            number(value)?;
            negate(format!("{prefix} {value}"))
        }
    }
}

/// The ports a comparison lets through, both included.
fn port_range(sign: &str, value: &str) -> Option<(u64, u64)> {
    if let Some((from, to)) = value.split_once("..") {
        return Some((number(from)?, number(to)?)).filter(|(_, to)| fields::is_port(*to));
    }
    let n = number(value).filter(|n| fields::is_port(*n))?;
    match sign {
        "=" | "!=" => Some((n, n)),
        ">" if n < 65_535 => Some((n + 1, 65_535)),
        "<" if n > 0 => Some((0, n - 1)),
        ">=" => Some((n, 65_535)),
        "<=" => Some((0, n)),
        _ => None,
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
    .filter(|n| u32::try_from(*n).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_filters_said_as_capture_filters() {
        for (display, capture) in [
            ("tcp.port == 80", "tcp port 80"),
            ("tcp.port eq 80", "tcp port 80"),
            ("tcp.port != 80", "tcp and not tcp port 80"),
            ("!(tcp.port == 80)", "not tcp port 80"),
            ("tcp.srcport == 1024", "tcp src port 1024"),
            ("udp.dstport >= 1024", "udp dst portrange 1024-65535"),
            ("tcp.port < 1024", "tcp portrange 0-1023"),
            ("tcp.port in {80 443}", "tcp port 80 or tcp port 443"),
            ("tcp.port in {80, 443, 8000..8080}", "tcp port 80 or tcp port 443 or tcp portrange 8000-8080"),
            ("ip.addr == 1.2.3.4", "host 1.2.3.4"),
            ("ip.addr == 10.0.0.0/8", "net 10.0.0.0/8"),
            ("ip.src == 1.2.3.4 && ip.dst == 5.6.7.8", "src host 1.2.3.4 and dst host 5.6.7.8"),
            ("ip.addr != 1.2.3.4", "ip and not host 1.2.3.4"),
            ("ipv6.addr == 2001:db8::1", "host 2001:db8::1"),
            ("ipv6.src == 2001:db8::/32", "src net 2001:db8::/32"),
            ("eth.addr == 02:00:00:00:00:01", "ether host 02:00:00:00:00:01"),
            ("eth.src == 02-00-00-00-00-01", "ether src host 02:00:00:00:00:01"),
            ("eth.type == 0x0806", "ether proto 0x0806"),
            ("tcp.flags.syn == 1", "tcp[tcpflags] & tcp-syn != 0"),
            ("tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack = 0"),
            ("tcp.flags & 0x02", "tcp[tcpflags] & 0x02 != 0"),
            ("tcp.flags == 0x12", "tcp[tcpflags] = 0x12"),
            ("vlan.id == 5", "vlan 5"),
            ("http", "tcp port 80"),
            ("dns or dhcp", "port 53 or udp port 67 or udp port 68"),
            ("tls and ip.addr == 1.2.3.4", "tcp port 443 and host 1.2.3.4"),
            ("dhcp and ip.addr == 1.2.3.4", "(udp port 67 or udp port 68) and host 1.2.3.4"),
            ("icmp || arp", "icmp or arp"),
            ("not arp and not dns", "not arp and not port 53"),
            ("!dhcp", "not (udp port 67 or udp port 68)"),
            // `and` before `or`, which a capture filter does not do by itself.
            ("arp or tcp and ip.addr == 1.2.3.4", "arp or (tcp and host 1.2.3.4)"),
            ("(arp or tcp) and ip.addr == 1.2.3.4", "(arp or tcp) and host 1.2.3.4"),
            ("frame.len > 1000", "len > 1000"),
            ("ip.ttl < 5", "ip[8] < 5"),
            ("ip.proto == 89", "ip proto 89"),
            ("icmp.type == 8", "icmp[icmptype] = 8"),
            ("tcp.len > 0", "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) > 0"),
            ("ip.flags.df == True", "ip[6] & 0x40 != 0"),
            ("tcp.port == 80 and host 1.2.3.4", "tcp port 80 and host 1.2.3.4"),
            ("ip.len in {40..60}", "ip[2:2] >= 40 and ip[2:2] <= 60"),
            ("tcp.port", "tcp"),
        ] {
            assert_eq!(translate(display).as_deref(), Ok(capture), "{display}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_named() {
        for (display, part, field) in [
            ("http.host == \"example.org\"", "http.host == \"example.org\"", "http.host"),
            ("tcp and tcp.analysis.retransmission", "tcp.analysis.retransmission", "tcp.analysis.retransmission"),
            ("ip.addr == 1.2.3.4 && tcp.stream eq 5", "tcp.stream eq 5", "tcp.stream"),
            ("frame contains \"GET /\"", "frame contains \"GET /\"", "frame"),
            ("tcp.port == \"http\"", "tcp.port == \"http\"", "tcp.port"),
            ("tcp.port == 99999", "tcp.port == 99999", "tcp.port"),
            ("dns.qry.name matches \"x\"", "dns.qry.name matches \"x\"", "dns.qry.name"),
            ("frame.number == 5", "frame.number == 5", "frame.number"),
        ] {
            let (span, why) = translate(display).unwrap_err();
            assert_eq!((&display[span], why), (part, Untranslatable::Field(field.to_owned())), "{display}");
        }
        for display in ["tcp.port ==", "(tcp.port == 80", "tcp.port == 80)", "tcp.port in {80", "== 5", "\"x"] {
            assert_eq!(translate(display).unwrap_err().1, Untranslatable::Syntax, "{display}");
        }
        assert!(translate(&format!("{}http", "(".repeat(100_000))).is_err());
    }
}
