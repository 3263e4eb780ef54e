//! libpcap's words about an expression it does not compile, made into an error that points at the place and says what to
//! write instead. The texts are those of libpcap 1.9 and 1.10; one that is not known here is passed on as it is.

use super::compile::Compiler;
use super::error::{FilterError, FilterErrorKind};
use super::lex::{Kind, Logic, Token};
use super::locate::{self, Broken};
use super::rejected;
use super::roles::{Qualifiers, roles};
use super::suggest;
use crate::model::LinkType;
use std::net::IpAddr;
use std::ops::Range;

/// Explains a complaint of libpcap.
pub(super) fn explain(compiler: &Compiler, expression: &str, tokens: &[Token<'_>], complaint: &str) -> FilterError {
    let case = Case { compiler, expression, tokens, complaint };
    if complaint.contains("memory exhausted") || complaint.contains("out of memory") {
        return case.whole(FilterErrorKind::Refused("too many brackets inside brackets, or too many words".to_owned()));
    }
    if locate::is_syntax(complaint) {
        return case.syntax();
    }
    if complaint.contains("rejects all packets") {
        return case.whole(rejected::reason(compiler, expression, tokens));
    }
    case.unknown_word().or_else(|| case.cannot_match()).or_else(|| case.misfit()).unwrap_or_else(|| case.as_said())
}

struct Case<'a> {
    compiler: &'a Compiler,
    expression: &'a str,
    tokens: &'a [Token<'a>],
    complaint: &'a str,
}

impl Case<'_> {
    fn at(&self, span: Range<usize>, kind: FilterErrorKind) -> FilterError {
        FilterError::at(self.expression, span, kind)
    }

    fn whole(&self, kind: FilterErrorKind) -> FilterError {
        let start = self.tokens.first().map_or(0, |t| t.at);
        let end = self.tokens.last().map_or(0, Token::end);
        self.at(start..end, kind)
    }

    fn refused(&self, span: Range<usize>, text: impl Into<String>) -> FilterError {
        self.at(span, FilterErrorKind::Refused(text.into()))
    }

    fn syntax(&self) -> FilterError {
        let end = self.tokens.last().map_or(0, Token::end);
        let early = |what: String| self.at(end..end, FilterErrorKind::EndsEarly { what });
        match locate::locate(self.expression, self.tokens, |text| self.compiler.complaint(text)) {
            Broken::Unclosed(at) => early(format!("\"{}\" is never closed", self.tokens[at].text)),
            Broken::Unfinished => {
                let last = self.tokens.last().map_or("", |t| t.text);
                match last {
                    number if self.tokens.len() == 1 && !number.starts_with(|c: char| !c.is_ascii_digit()) => self
                        .whole(FilterErrorKind::Unexpected { word: number.to_owned() })
                        .hint(format!("did you mean port {number}?")),
                    "]" => early("the number in front needs a comparison, such as = 0".to_owned()),
                    _ => early(format!("\"{last}\" needs something after it")),
                }
            }
            Broken::Word(at) => self.unexpected(at),
        }
    }

    /// A word at which the grammar stopped.
    fn unexpected(&self, at: usize) -> FilterError {
        let token = &self.tokens[at];
        let error = self.at(token.span(), FilterErrorKind::Unexpected { word: token.text.to_owned() });
        let before = at.checked_sub(1).map(|b| &self.tokens[b]);
        if token.is(")") {
            return error.hint(if before.is_some_and(|b| b.is("(")) { "nothing is in the brackets" } else { "no \"(\" is open" });
        }
        if before.is_some_and(|b| b.is("proto") || b.is("protochain")) && token.kind == Kind::Keyword {
            return error.hint(format!("write \\{} here: it is also a word of the language", token.text));
        }
        if token.kind == Kind::Name
            && let Some(near) = suggest::constant(token.text).or_else(|| suggest::keyword(token.text))
        {
            return error.hint(format!("did you mean {near}?"));
        }
        if let Some(better) = self.with_its_qualifier(at) {
            return error.hint(format!("did you mean {better}?"));
        }
        let joined = format!("{} or {}", &self.expression[..token.at], &self.expression[token.at..]);
        let starts = !matches!(token.kind, Kind::Logic(Logic::And | Logic::Or) | Kind::Sign);
        if at > 0 && starts && self.gets_further(at, &joined) {
            return error.hint("write \"and\" or \"or\" in front of it");
        }
        if before.is_some_and(|b| matches!(b.kind, Kind::Number(_)))
            && self.tokens[..at].iter().rev().nth(1).is_some_and(|t| t.is("portrange"))
        {
            return error.hint("a range is written: portrange 1-1023");
        }
        if token.is("&") || token.is("|") {
            return error.hint(if token.is("&") { "did you mean &&?" } else { "did you mean ||?" });
        }
        if token.is("==") || token.is("=") {
            return error.hint("compare numbers: tcp[13] = 2; ports and hosts are written  port 80, host 192.0.2.1");
        }
        error
    }

    /// A bare address or number where a primitive begins: `80` after `tcp`, `192.0.2.1` at the start.
    fn with_its_qualifier(&self, at: usize) -> Option<String> {
        let token = &self.tokens[at];
        let before = at.checked_sub(1).map(|b| &self.tokens[b]);
        let begins = before.is_none_or(|b| matches!(b.kind, Kind::Logic(_)) || b.is("("));
        match (token.kind, self.tokens.get(at + 1..at + 3)) {
            (Kind::Address, _) if begins && is_mac(token) => Some(format!("ether host {}", token.text)),
            (Kind::Address, Some([slash, bits])) if begins && slash.is("/") => Some(format!("net {}/{}", token.text, bits.text)),
            (Kind::Address, _) if begins => Some(format!("host {}", token.text)),
            (Kind::Number(_), _) if before.is_some_and(|b| matches!(b.text, "tcp" | "udp" | "sctp" | "src" | "dst")) => {
                Some(format!("port {}", token.text))
            }
            _ => None,
        }
    }

    /// Does the grammar go beyond a word when a joining word is put in front of it?
    fn gets_further(&self, at: usize, joined: &str) -> bool {
        let tokens = super::lex::tokens(joined);
        match locate::locate(joined, &tokens, |text| self.compiler.complaint(text)) {
            Broken::Word(broken) => broken > at + 1,
            Broken::Unfinished | Broken::Unclosed(_) => true,
        }
    }

    /// Names of ports, protocols and the like that are not known.
    fn unknown_word(&self) -> Option<FilterError> {
        const KINDS: [(&str, &str); 13] = [
            ("unknown port in range", "a known range of ports"),
            ("unknown port", "a known port"),
            ("unknown ip proto", "a known IP protocol"),
            ("unknown ether proto", "a known Ethernet protocol"),
            ("unknown osi proto", "a known OSI protocol"),
            ("unknown protocol", "a known protocol"),
            ("unknown ether host", "a name in /etc/ethers"),
            ("unknown 802.11 type", "a type of 802.11 frames"),
            ("unknown 802.11 subtype", "a subtype of 802.11 frames"),
            ("unknown 802.11 direction", "a direction of 802.11 frames"),
            ("unknown LLC type", "a type of LLC frames"),
            ("unknown PF reason", "a reason of the pf log"),
            ("unknown PF action", "an action of the pf log"),
        ];
        let (_, what) = KINDS.into_iter().find(|(begin, _)| self.complaint.starts_with(begin))?;
        let word = quoted(self.complaint).or_else(|| self.complaint.rsplit(": ").next())?;
        let token = self.tokens.iter().find(|t| t.text == word || t.text.strip_prefix('\\') == Some(word))?;
        let error = self.at(token.span(), FilterErrorKind::Unknown { word: word.to_owned(), what });
        let near = match what {
            "a known port" => match suggest::service_port(word) {
                // The system has no such list, or a shorter one.
                Some(port) => return Some(error.hint(format!("write {port}"))),
                None => suggest::service(word),
            },
            "a known range of ports" => return Some(error.hint("write two numbers: portrange 1-1023")),
            w if w.ends_with("protocol") => suggest::protocol(word),
            _ => None,
        };
        Some(match near {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        })
    }

    /// Parts that frames of this link type cannot have.
    fn cannot_match(&self) -> Option<FilterError> {
        const LACKS: [(&str, &str, &[&str]); 15] = [
            ("addresses supported only on", "Ethernet addresses", &[]),
            ("supports link-level host name", "Ethernet addresses", &[]),
            ("no VLAN support", "VLAN tags", &["vlan"]),
            ("no MPLS support", "MPLS labels", &["mpls"]),
            ("'llc' not supported", "LLC headers", &["llc"]),
            ("multicast filters supported only", "link-layer multicast addresses", &["multicast"]),
            ("radio information not present", "radio information", &["radio"]),
            (
                "802.11",
                "802.11 headers",
                &["type", "subtype", "dir", "direction", "ra", "ta", "addr1", "addr2", "addr3", "addr4"],
            ),
            (
                "PF linktype",
                "records of the pf log",
                &["ifname", "on", "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum", "reason", "action"],
            ),
            (
                "raw ATM",
                "ATM cells",
                &[
                    "lane",
                    "llc",
                    "metac",
                    "bcc",
                    "oam",
                    "oamf4",
                    "oamf4ec",
                    "oamf4sc",
                    "sc",
                    "ilmic",
                    "vpi",
                    "vci",
                    "connectmsg",
                    "metaconnect",
                ],
            ),
            ("MTP2", "SS7 signalling units", &["fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu"]),
            ("SS7", "SS7 routing labels", &["sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls"]),
            ("ARCnet", "ARCnet addresses", &[]),
            ("inbound/outbound not supported", "packet directions", &["inbound", "outbound"]),
            ("ifindex not supported", "interface numbers", &["ifindex"]),
        ];
        let on_ethernet = self.compiler.link == LinkType::ETHERNET;
        if on_ethernet && (self.complaint.contains("multicast") || self.complaint.contains("broadcast")) {
            return None;
        }
        let (_, lacks, words) = LACKS.into_iter().find(|(part, _, _)| self.complaint.contains(part))?;
        let first = match words {
            [] => roles(self.tokens).iter().position(|(q, _)| q.is_link()).or_else(|| self.tokens.iter().position(is_mac))?,
            words => self.tokens.iter().position(|t| words.contains(&t.text))?,
        };
        let last = if words.is_empty() { self.qualifiers_from(first) } else { first };
        let span = self.tokens[first].at..self.tokens[last].end();
        let word = self.expression[span.clone()].to_owned();
        let link = self.compiler.link;
        Some(self.at(span, FilterErrorKind::CannotMatch { link, lacks, word, place: "this file" }))
    }

    /// The last of a row of qualifiers: `ether src host`.
    fn qualifiers_from(&self, first: usize) -> usize {
        let more = self.tokens[first + 1..].iter().take_while(|t| t.kind == Kind::Keyword).count();
        first + more
    }

    /// Qualifiers and values that do not go together, numbers out of range.
    fn misfit(&self) -> Option<FilterError> {
        let roles: Vec<Qualifiers<'_>> = roles(self.tokens).into_iter().map(|(q, _)| q).collect();
        let find = |wanted: &dyn Fn(&Token<'_>, &Qualifiers<'_>) -> bool| {
            self.tokens.iter().zip(&roles).find(|(t, q)| wanted(t, q)).map(|(t, _)| t)
        };
        if self.complaint.contains("used in non-ether expression") {
            let token = find(&|t, q| is_mac(t) && !q.is_link())?;
            let text = format!("\"{}\" is an Ethernet address", token.text);
            return Some(self.refused(token.span(), text).hint(format!("write:  ether host {}", token.text)));
        }
        if self.complaint.contains("illegal link layer address") {
            let token = find(&|t, q| t.kind == Kind::Address && q.is_link() && !is_mac(t))?;
            let text = format!("\"{}\" is not an Ethernet address", token.text);
            return Some(self.refused(token.span(), text).hint("it has six bytes: 02:00:00:00:00:01"));
        }
        if self.complaint.contains("multicast filters supported") || self.complaint.contains("broadcast filters supported") {
            let fits = |t: &Token<'_>| t.kind != Kind::Keyword || matches!(t.text, "ip" | "ip6" | "ether" | "link");
            let pair = self.tokens.windows(2).find(|w| matches!(w[1].text, "broadcast" | "multicast") && !fits(&w[0]));
            let token = match pair {
                Some([_, token]) => token,
                _ => find(&|t, _| t.is("broadcast"))?,
            };
            let text = format!("\"{}\" goes with ether, ip or nothing in front of it", token.text);
            return Some(self.refused(token.span(), text));
        }
        if self.complaint.contains("link layer applied in wrong context") {
            let token = find(&|t, q| t.kind == Kind::Keyword && q.is_link())?;
            let what = format!("\"{}\" needs something after it, such as host or proto", token.text);
            return Some(self.at(token.end()..token.end(), FilterErrorKind::EndsEarly { what }));
        }
        if self.complaint.contains("data size must be") {
            let at = self.tokens.windows(2).position(|w| w[0].is(":") && !matches!(w[1].kind, Kind::Number(1 | 2 | 4)))?;
            let token = &self.tokens[at + 1];
            return Some(self.refused(token.span(), "1, 2 or 4 bytes can be read at once"));
        }
        self.modifier().or_else(|| self.network()).or_else(|| self.number())
    }

    /// `'tcp' modifier applied to host`
    fn modifier(&self) -> Option<FilterError> {
        let (modifier, asked) = self.complaint.split_once(" modifier applied to ")?;
        let modifier = quoted(modifier)?;
        let at = self.tokens.iter().position(|t| t.text == modifier)?;
        let span = self.tokens[at].at..self.tokens[self.qualifiers_from(at)].end();
        let (family, other) = if modifier == "ip6" { ("IPv6", "ip6") } else { ("", modifier) };
        let text = match asked {
            _ if family == "IPv6" => "\"ip6\" does not go with an IPv4 address".to_owned(),
            asked if asked.starts_with("ip6") => format!("\"{modifier}\" does not go with an IPv6 address"),
            asked => format!("\"{modifier}\" does not go with \"{asked}\""),
        };
        let rest = self.expression[self.tokens[at].end()..self.tokens.last()?.end()].trim_start();
        let error = self.refused(span, text);
        let joined = format!("{}{other} and {rest}", &self.expression[..self.tokens[at].at]);
        Some(match self.compiler.complaint(&joined) {
            None if self.compiler.compile(&joined, self.tokens.len()).is_ok() => error.hint(format!("write:  {joined}")),
            _ => error,
        })
    }

    /// `non-network bits set in "10.0.0.1/8"`
    fn network(&self) -> Option<FilterError> {
        if !self.complaint.contains("non-network bits") {
            return None;
        }
        let text = quoted(self.complaint)?;
        let (address, length) = text.split_once('/')?;
        let token = self.tokens.iter().find(|t| t.text == address)?;
        let end = (token.at + text.len()).min(self.expression.len());
        let span = if self.expression.get(token.at..end) == Some(text) { token.at..end } else { token.span() };
        let error = self.refused(span, format!("\"{text}\" has bits set outside its network"));
        Some(match network_of(address, length) {
            Some(network) => error.hint(format!("did you mean {network}/{length}?")),
            None => error,
        })
    }

    /// `illegal port number 99999 > 65535`, `VLAN tag 5000 greater than maximum 4095`
    fn number(&self) -> Option<FilterError> {
        let mut numbers =
            self.complaint.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| w.starts_with(|c: char| c.is_ascii_digit()));
        let token = numbers.find_map(|n| self.tokens.iter().find(|t| t.text == n))?;
        Some(self.refused(token.span(), self.complaint))
    }

    /// libpcap's own words: at the word they quote, or at the one that brings them about.
    fn as_said(&self) -> FilterError {
        if let Some(word) = quoted(self.complaint)
            && let Some(token) = self.tokens.iter().find(|t| t.text == word || t.text.strip_prefix('\\') == Some(word))
        {
            return self.refused(token.span(), self.complaint);
        }
        let same = |text: &str| self.compiler.complaint(text).is_some_and(|c| c == self.complaint);
        let culprit = self.tokens.iter().take(200).find(|t| same(&self.expression[..t.end()]));
        match culprit {
            Some(token) => self.refused(token.span(), self.complaint),
            None => self.whole(FilterErrorKind::Refused(self.complaint.to_owned())),
        }
    }
}

/// Is the word an Ethernet address?
fn is_mac(token: &Token<'_>) -> bool {
    let t = token.text;
    token.kind == Kind::Address
        && (super::lex::is_mac(t, ':')
            || super::lex::is_mac(t, '-')
            || super::lex::is_mac(t, '.')
            || t.len() == 12
            || (t.split('.').count() == 3 && t.len() == 14))
}

/// What stands in quotes of either kind.
fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['\'', '"'])?;
    let quote = text[start..].chars().next()?;
    let rest = &text[start + 1..];
    Some(&rest[..rest.find(quote)?])
}

/// The network an address lies in.
fn network_of(address: &str, length: &str) -> Option<IpAddr> {
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(ip) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Some(IpAddr::V4((ip.to_bits() & mask).into()))
        }
        IpAddr::V6(ip) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Some(IpAddr::V6((ip.to_bits() & mask).into()))
        }
        _ => None,
    }
}
