//! Words of a filter expression, cut where libpcap's scanner cuts them.
//!
//! Needed for three things that libpcap does not do: to point at a word, to know names before libpcap asks a name server
//! for them, and to see whether an expression speaks of VLAN tags. Whether the words make sense is libpcap's affair.

use std::net::Ipv6Addr;

/// A word and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

#[cfg(feature = "libpcap")]
impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    pub(crate) fn span(&self) -> std::ops::Range<usize> {
        self.at..self.end()
    }
}

impl Token<'_> {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.text == word
    }
}

/// What a word is to libpcap's scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word of the language.
    Keyword,
    /// A named number, such as `tcp-syn`.
    Constant,
    /// A number; `u32::MAX` for those that do not fit.
    Number(u32),
    /// An address of any family, or the beginning of an IPv4 one.
    Address,
    /// Looks like an address with colons, but is none.
    BadAddress,
    /// Anything else that could be a name, escaped or not.
    Name,
    /// `and`, `or`, `not` in words or signs.
    Logic(Logic),
    /// A sign of the language.
    Sign,
    /// A character the language does not have.
    Foreign,
}

/// Joining words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Not,
}

/// Every word of the language (pcap-filter(7), libpcap 1.10), sorted. `and`, `or`, `not` are apart.
const KEYWORDS: &[&str] = &[
    "aarp",
    "action",
    "addr1",
    "addr2",
    "addr3",
    "addr4",
    "address1",
    "address2",
    "address3",
    "address4",
    "ah",
    "arp",
    "atalk",
    "bcc",
    "broadcast",
    "byte",
    "carp",
    "clnp",
    "connectmsg",
    "csnp",
    "decnet",
    "dir",
    "direction",
    "dpc",
    "dst",
    "es-is",
    "esis",
    "esp",
    "ether",
    "fddi",
    "fisu",
    "gateway",
    "geneve",
    "greater",
    "hdpc",
    "hfisu",
    "hlssu",
    "hmsu",
    "hopc",
    "host",
    "hsio",
    "hsls",
    "icmp",
    "icmp6",
    "ifindex",
    "ifname",
    "igmp",
    "igrp",
    "iih",
    "ilmic",
    "inbound",
    "ip",
    "ip6",
    "ipx",
    "is-is",
    "isis",
    "iso",
    "l1",
    "l2",
    "lane",
    "lat",
    "len",
    "length",
    "less",
    "link",
    "llc",
    "lsp",
    "lssu",
    "lsu",
    "mask",
    "metac",
    "metaconnect",
    "mopdl",
    "moprc",
    "mpls",
    "msu",
    "multicast",
    "net",
    "netbeui",
    "oam",
    "oamf4",
    "oamf4ec",
    "oamf4sc",
    "on",
    "opc",
    "outbound",
    "pim",
    "port",
    "portrange",
    "ppp",
    "pppoed",
    "pppoes",
    "proto",
    "protochain",
    "psnp",
    "ra",
    "radio",
    "rarp",
    "reason",
    "rnr",
    "rset",
    "rulenum",
    "ruleset",
    "sc",
    "sca",
    "sctp",
    "sio",
    "slip",
    "sls",
    "snp",
    "src",
    "srnr",
    "stp",
    "subrulenum",
    "subtype",
    "ta",
    "tcp",
    "tr",
    "type",
    "udp",
    "vci",
    "vlan",
    "vpi",
    "vrrp",
    "wlan",
];

/// Words of the language, for suggestions: those in daily use first.
#[cfg(feature = "libpcap")]
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    const DAILY: [&str; 22] = [
        "and",
        "or",
        "not",
        "host",
        "port",
        "tcp",
        "udp",
        "src",
        "dst",
        "net",
        "ip",
        "ip6",
        "icmp",
        "icmp6",
        "arp",
        "vlan",
        "ether",
        "proto",
        "len",
        "less",
        "greater",
        "portrange",
    ];
    DAILY.into_iter().chain(KEYWORDS.iter().copied())
}

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

/// The language's named numbers; libpcap knows more of ICMPv6, which all begin alike.
fn is_constant(word: &str) -> bool {
    const OTHERS: [&str; 11] = [
        "icmptype", "icmpcode", "tcpflags", "tcp-fin", "tcp-syn", "tcp-rst", "tcp-push", "tcp-ack", "tcp-urg", "tcp-ece",
        "tcp-cwr",
    ];
    const ICMP: [&str; 15] = [
        "echoreply",
        "unreach",
        "sourcequench",
        "redirect",
        "echo",
        "routeradvert",
        "routersolicit",
        "timxceed",
        "paramprob",
        "tstamp",
        "tstampreply",
        "ireq",
        "ireqreply",
        "maskreq",
        "maskreply",
    ];
    OTHERS.contains(&word)
        || word.strip_prefix("icmp-").is_some_and(|rest| ICMP.contains(&rest))
        || matches!(word, "icmp6type" | "icmp6code")
        || word.starts_with("icmp6-")
}

/// Cuts an expression into words.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut brackets = 0_u32;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            at += 1;
            continue;
        }
        let (len, kind) = word(&text[at..], brackets > 0).or_else(|| sign(&text[at..])).unwrap_or((c.len_utf8(), Kind::Foreign));
        let token = Token { text: &text[at..at + len], at, kind };
        match token.text {
            "[" => brackets += 1,
            "]" => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        at += len;
        tokens.push(token);
    }
    tokens
}

/// Length and kind of the sign at the beginning.
fn sign(text: &str) -> Option<(usize, Kind)> {
    const TWO: [&str; 6] = [">=", "<=", "!=", "==", "<<", ">>"];
    if text.starts_with("&&") {
        return Some((2, Kind::Logic(Logic::And)));
    }
    if text.starts_with("||") {
        return Some((2, Kind::Logic(Logic::Or)));
    }
    if TWO.iter().any(|t| text.starts_with(t)) {
        return Some((2, Kind::Sign));
    }
    match text.bytes().next()? {
        b'!' => Some((1, Kind::Logic(Logic::Not))),
        b'<' | b'>' | b'(' | b')' | b'[' | b']' | b':' | b'=' | b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'^' => {
            Some((1, Kind::Sign))
        }
        _ => None,
    }
}

/// Length and kind of the word at the beginning. Between brackets a colon parts offset and size; elsewhere it belongs to
/// an address.
fn word(text: &str, in_brackets: bool) -> Option<(usize, Kind)> {
    let first = text.bytes().next()?;
    if first == b'\\' {
        let len = text.find([' ', '!', '(', ')', '\n', '\t']).unwrap_or(text.len());
        return (len > 1).then_some((len, Kind::Name));
    }
    if first == b'$' {
        let len = 1 + text[1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        return (len > 1).then_some((len, Kind::Address));
    }
    if !in_brackets && (first.is_ascii_alphanumeric() || first == b':') {
        let len = run(text, |c| c.is_ascii_alphanumeric() || matches!(c, b':' | b'.'));
        if text[..len].contains(':') {
            return Some((len, if is_colon_address(&text[..len]) { Kind::Address } else { Kind::BadAddress }));
        }
    }
    if !first.is_ascii_alphanumeric() {
        return None;
    }
    let run = run(text, |c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'));
    let len = text[..run].trim_end_matches(['-', '_']).len();
    Some((len, kind_of(&text[..len])))
}

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&c| belongs(c)).count()
}

fn is_colon_address(word: &str) -> bool {
    word.parse::<Ipv6Addr>().is_ok() || is_mac(word, ':')
}

/// Six groups of one or two hexadecimal digits.
pub(crate) fn is_mac(word: &str, between: char) -> bool {
    word.split(between).count() == 6
        && word.split(between).all(|g| matches!(g.len(), 1 | 2) && g.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn kind_of(word: &str) -> Kind {
    match word {
        "and" => return Kind::Logic(Logic::And),
        "or" => return Kind::Logic(Logic::Or),
        "not" => return Kind::Logic(Logic::Not),
        _ => {}
    }
    if is_keyword(word) {
        return Kind::Keyword;
    }
    if is_constant(word) {
        return Kind::Constant;
    }
    if is_number(word) {
        return Kind::Number(number(word));
    }
    let dotted = word.split('.').count();
    let numbers = word.split('.').all(is_number);
    let dotted_mac =
        word.split('.').count() == 3 && word.split('.').all(|g| g.len() == 4 && g.bytes().all(|b| b.is_ascii_hexdigit()));
    let bare_mac = word.len() == 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    if (numbers && dotted <= 4) || is_mac(word, '-') || is_mac(word, '.') || dotted_mac || bare_mac {
        return Kind::Address;
    }
    Kind::Name
}

fn is_number(word: &str) -> bool {
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    match hex {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// As C reads it: `0x` hexadecimal, a leading 0 octal.
fn number(word: &str) -> u32 {
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let value = match hex {
        Some(digits) => u32::from_str_radix(digits, 16),
        None if word.len() > 1 && word.starts_with('0') => u32::from_str_radix(word, 8),
        None => word.parse(),
    };
    value.unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(&str, Kind)> {
        tokens(text).into_iter().map(|t| (t.text, t.kind)).collect()
    }

    #[test]
    fn keywords_are_sorted_so_that_they_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn words_are_cut_as_libpcap_cuts_them() {
        use Kind::{Address, BadAddress, Constant, Foreign, Keyword, Name, Number, Sign};
        let and = Kind::Logic(Logic::And);
        assert_eq!(
            kinds("tcp[tcpflags]&tcp-syn!=0&&port 0x50"),
            [
                ("tcp", Keyword),
                ("[", Sign),
                ("tcpflags", Constant),
                ("]", Sign),
                ("&", Sign),
                ("tcp-syn", Constant),
                ("!=", Sign),
                ("0", Number(0)),
                ("&&", and),
                ("port", Keyword),
                ("0x50", Number(80))
            ]
        );
        assert_eq!(kinds("ether[0:4]")[2..5], [("0", Number(0)), (":", Sign), ("4", Number(4))]);
        assert_eq!(kinds("net 2001:db8::/32")[1..], [("2001:db8::", Address), ("/", Sign), ("32", Number(32))]);
        assert_eq!(kinds("host ::1")[1], ("::1", Address));
        assert_eq!(kinds("1:2:3:4:5:6"), [("1:2:3:4:5:6", Address)]);
        assert_eq!(kinds("a:b 1:2:3 fe80::zz"), [("a:b", BadAddress), ("1:2:3", BadAddress), ("fe80::zz", BadAddress)]);
        assert_eq!(kinds("1.2.3.4 1.2 10.0x0.1"), [("1.2.3.4", Address), ("1.2", Address), ("10.0x0.1", Address)]);
        // Five groups are a name to libpcap, which would ask for it.
        assert_eq!(kinds("1.2.3.4.5"), [("1.2.3.4.5", Name)]);
        assert_eq!(kinds("00-11-22-33-44-55 0011.2233.4455 aabbccddeeff").iter().filter(|k| k.1 == Address).count(), 3);
        assert_eq!(kinds("5-x 1-"), [("5-x", Name), ("1", Number(1)), ("-", Sign)]);
        assert_eq!(kinds(r"ether proto \ip"), [("ether", Keyword), ("proto", Keyword), (r"\ip", Name)]);
        assert_eq!(kinds("TCP ü"), [("TCP", Name), ("ü", Foreign)]);
        assert_eq!(kinds("010 4294967296"), [("010", Number(8)), ("4294967296", Number(u32::MAX))]);
    }
}
