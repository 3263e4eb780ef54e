//! Both ends of a conversation as people read them, `10.0.0.1:4711 → [2001:db8::1]:80`, cut to fit a column where that
//! must be. Ports are never cut, IPv4 addresses neither; IPv6 addresses and names
//! lose their middle.

use super::host_names::HostNames;
use super::units::width;
use crate::flow::{FlowKind, FlowRecord};
use crate::model::{Endpoint, IpProtocol};
use std::fmt::Write as _;
use std::net::IpAddr;

/// What an IPv6 address or a name keeps at least, besides the ellipsis.
const KEPT: usize = 8;

/// Who called whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    from: Endpoint,
    to: Endpoint,
    /// Names of both hosts, where they are known and wanted.
    names: [Option<Box<str>>; 2],
    ports: bool,
    /// Only the second was heard: the arrow points from it to the first.
    back: bool,
    /// A word after both: `(ping)`, `(gre)`.
    word: String,
}

impl Ends {
    /// The ends of a flow, originator first. ICMP and protocols without ports get a word for what they carry instead.
    #[must_use]
    pub fn of(flow: &FlowRecord) -> Self {
        let answer_only = flow.orig.packets == 0 && flow.resp.packets > 0;
        let (ports, back, word) = match flow.id.kind {
            FlowKind::Tcp | FlowKind::Udp | FlowKind::Sctp => (true, false, String::new()),
            FlowKind::Icmp => {
                let asked = flow.originator.port;
                let kind = if answer_only { answer_to(flow.protocol, asked) } else { asked };
                (false, answer_only, icmp_word(flow.protocol, kind))
            }
            FlowKind::Other => (false, false, format!(" ({})", flow.protocol)),
        };
        Self { from: flow.originator, to: flow.responder, names: [None, None], ports, back, word }
    }

    /// Both addresses.
    #[must_use]
    pub const fn addresses(&self) -> [IpAddr; 2] {
        [self.from.ip, self.to.ip]
    }

    /// Takes the names of both hosts in place of their addresses, where they are known.
    pub fn name(&mut self, names: &mut dyn HostNames) {
        self.names = self.addresses().map(|address| names.name(address).map(Box::from));
    }

    /// The text in full. `arrow` is `→` or its stand-in.
    #[must_use]
    pub fn full(&self, arrow: &str) -> String {
        let mut text = String::with_capacity(48);
        self.write(&mut text, arrow, |_, host| host);
        text
    }

    /// The text in at most `columns` columns, or as near to it as may be cut. `dots` is `…` or its stand-in.
    #[must_use]
    pub fn cut(&self, columns: usize, arrow: &str, dots: &str) -> String {
        let full = self.full(arrow);
        let excess = width(&full).saturating_sub(columns);
        if excess == 0 {
            return full;
        }
        let (a, b) = (self.cuttable(0, dots), self.cuttable(1, dots));
        if a + b == 0 {
            return full;
        }
        // Each gives in proportion to what it could; what rounding leaves over, the second gives.
        let give_a = (excess * a).div_ceil(a + b).min(a);
        let give_b = (excess - give_a.min(excess)).min(b);
        let mut text = String::with_capacity(full.len());
        self.write(&mut text, arrow, |i, host| without_middle(&host, if i == 0 { give_a } else { give_b }, dots));
        text
    }

    /// Columns of the shortest text that [`Self::cut`] makes.
    #[must_use]
    pub fn least(&self, arrow: &str, dots: &str) -> usize {
        width(&self.full(arrow)) - self.cuttable(0, dots) - self.cuttable(1, dots)
    }

    fn write(&self, text: &mut String, arrow: &str, shorter: impl Fn(usize, String) -> String) {
        let arrow = match (self.back, arrow) {
            (true, "→") => "←",
            (true, _) => "<-",
            (false, _) => arrow,
        };
        for (i, end) in [self.from, self.to].into_iter().enumerate() {
            if i == 1 {
                // A String takes everything, here and below.
                let _ = write!(text, " {arrow} ");
            }
            let host = shorter(i, self.host(i));
            let _ = match (self.ports, end.ip) {
                (false, _) => write!(text, "{host}"),
                (true, IpAddr::V6(_)) if self.names[i].is_none() => write!(text, "[{host}]:{}", end.port),
                (true, _) => write!(text, "{host}:{}", end.port),
            };
        }
        text.push_str(&self.word);
    }

    /// The first or the second host: its name, else its address.
    fn host(&self, i: usize) -> String {
        self.names[i].as_deref().map_or_else(|| self.addresses()[i].to_string(), str::to_owned)
    }

    /// How many columns a host can give away: none of an IPv4 address.
    fn cuttable(&self, i: usize, dots: &str) -> usize {
        if self.names[i].is_none() && self.addresses()[i].is_ipv4() {
            return 0;
        }
        width(&self.host(i)).saturating_sub(KEPT + width(dots))
    }
}

/// ASCII text made shorter by `give` columns: its middle gives way to `dots`.
fn without_middle(text: &str, give: usize, dots: &str) -> String {
    if give == 0 {
        return text.to_owned();
    }
    let kept = text.len().saturating_sub(give + width(dots));
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    match (text.get(..head), text.get(text.len() - tail..)) {
        (Some(head), Some(tail)) => format!("{head}{dots}{tail}"),
        _ => text.to_owned(),
    }
}

/// The type that answers a request (RFC 792, RFC 4443, RFC 4861): where the request itself was not seen, the answer is told of.
const fn answer_to(protocol: IpProtocol, request: u16) -> u16 {
    match (protocol, request) {
        (IpProtocol::ICMP, 8) => 0,
        (IpProtocol::ICMPV6, 128 | 133 | 135) => request + 1,
        _ => request,
    }
}

/// What an ICMP conversation is about: the type its first packet had (RFC 792, RFC 4443, RFC 4861).
fn icmp_word(protocol: IpProtocol, kind: u16) -> String {
    let word = match (protocol, kind) {
        (IpProtocol::ICMP, 8) | (IpProtocol::ICMPV6, 128) => "ping",
        (IpProtocol::ICMP, 0) | (IpProtocol::ICMPV6, 129) => "ping reply",
        (IpProtocol::ICMP, 3) | (IpProtocol::ICMPV6, 1) => "unreachable",
        (IpProtocol::ICMP, 11) | (IpProtocol::ICMPV6, 3) => "time exceeded",
        (IpProtocol::ICMPV6, 2) => "packet too big",
        (IpProtocol::ICMP, 5) | (IpProtocol::ICMPV6, 137) => "redirect",
        (IpProtocol::ICMPV6, 133) => "router solicitation",
        (IpProtocol::ICMPV6, 134) => "router advertisement",
        (IpProtocol::ICMPV6, 135) => "neighbor solicitation",
        (IpProtocol::ICMPV6, 136) => "neighbor advertisement",
        (IpProtocol::ICMPV6, 143) => "multicast listener report",
        _ => return format!(" (type {kind})"),
    };
    format!(" ({word})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::State;
    use crate::output::fixture::flow;

    fn ends(a: &str, b: &str) -> Ends {
        let at = |ip: &str, port| Endpoint::new(ip.parse().unwrap(), port);
        Ends { from: at(a, 49370), to: at(b, 443), names: [None, None], ports: true, back: false, word: String::new() }
    }

    #[test]
    fn an_answer_alone_is_drawn_as_it_was_sent() {
        let mut record = flow(FlowKind::Icmp, 1, State::OneWay, "10.0.0.1:8", "10.0.0.2:0", 0, 56);
        record.protocol = IpProtocol::ICMP;
        (record.orig.packets, record.resp.packets) = (0, 1);
        let ends = Ends::of(&record);
        assert_eq!(ends.full("→"), "10.0.0.1 ← 10.0.0.2 (ping reply)");
        assert_eq!(ends.full("->"), "10.0.0.1 <- 10.0.0.2 (ping reply)");
        (record.orig.packets, record.resp.packets) = (1, 0);
        assert_eq!(Ends::of(&record).full("→"), "10.0.0.1 → 10.0.0.2 (ping)");
    }

    #[test]
    fn ipv6_loses_its_middle_and_keeps_its_port() {
        let long = ends("2001:db8:aaaa:bbbb:cccc:dddd:eeee:1", "2001:db8::80");
        assert_eq!(long.full("→"), "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:49370 → [2001:db8::80]:443");
        for columns in [60, 50, 45] {
            let text = long.cut(columns, "→", "…");
            assert_eq!(width(&text), columns, "{text}");
            assert!(text.contains("]:49370 → [2001") && text.ends_with("]:443"), "{text}");
        }
        assert_eq!(long.cut(0, "→", "…"), "[2001…ee:1]:49370 → [2001…::80]:443");
        assert_eq!(width(&long.cut(0, "→", "…")), long.least("→", "…"));
        assert_eq!(long.cut(0, "->", "..."), "[2001...ee:1]:49370 -> [2001...::80]:443");
    }

    #[test]
    fn names_stand_where_addresses_would_and_lose_their_middle() {
        use crate::output::host_names::Fixed;
        let mut named = ends("2001:db8::1", "203.0.113.1");
        named.name(&mut Fixed::new(&[("2001:db8::1", "a-very-long-name.of-a-host.example")]));
        assert_eq!(named.full("→"), "a-very-long-name.of-a-host.example:49370 → 203.0.113.1:443");
        let text = named.cut(45, "→", "…");
        assert_eq!(width(&text), 45, "{text}");
        assert!(text.starts_with("a-very") && text.ends_with(":49370 → 203.0.113.1:443"), "{text}");
        named.name(&mut Fixed::new(&[("203.0.113.1", "x")]));
        assert_eq!(named.full("→"), "[2001:db8::1]:49370 → x:443");
        assert_eq!(width(&named.cut(0, "→", "…")), named.least("→", "…"));
    }

    #[test]
    fn ipv4_is_never_cut() {
        let v4 = ends("192.168.100.200", "203.0.113.255");
        assert_eq!(v4.cut(10, "→", "…"), "192.168.100.200:49370 → 203.0.113.255:443");
        let mixed = ends("192.168.100.200", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1");
        assert_eq!(mixed.cut(48, "→", "…"), "192.168.100.200:49370 → [2001:db8:…d:eeee:1]:443");
    }
}
