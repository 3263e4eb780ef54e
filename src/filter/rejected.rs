//! Why an expression rejects all packets, of which libpcap says only that it does: the link type lacks a protocol that the
//! expression asks for, or its parts exclude each other.

use super::compile::Compiler;
use super::error::FilterErrorKind;
use super::lex::Token;
use crate::model::LinkType;

/// Words that can be a whole filter, for protocols that not every link type carries.
const CARRIED: [(&str, &str); 15] = [
    ("aarp", "AppleTalk ARP"),
    ("arp", "ARP"),
    ("atalk", "AppleTalk"),
    ("decnet", "DECnet"),
    ("icmp6", "IPv6"),
    ("ip", "IPv4"),
    ("ip6", "IPv6"),
    ("ipx", "IPX"),
    ("iso", "OSI protocols"),
    ("lat", "LAT"),
    ("mopdl", "MOP"),
    ("moprc", "MOP"),
    ("netbeui", "NetBEUI"),
    ("rarp", "RARP"),
    ("stp", "spanning tree frames"),
];

/// The reason, for an expression that the compiler's link type rejects.
pub(super) fn reason(compiler: &Compiler, expression: &str, tokens: &[Token<'_>]) -> FilterErrorKind {
    let link = compiler.link;
    let cannot = |lacks, word: &str| FilterErrorKind::CannotMatch { link, lacks, word: word.to_owned(), place: "this file" };
    let lacking = CARRIED.iter().find(|(word, _)| tokens.iter().any(|t| t.is(word)) && rejects(compiler, word));
    if let Some((word, lacks)) = lacking {
        return cannot(lacks, word);
    }
    let elsewhere = Compiler::new(LinkType::ETHERNET).is_ok_and(|c| c.compile(expression, tokens.len()).is_ok());
    if elsewhere { cannot("packets of that kind", expression.trim()) } else { FilterErrorKind::Contradiction }
}

/// Does the link type reject even this word alone?
fn rejects(compiler: &Compiler, word: &str) -> bool {
    compiler.compile(word, 1).is_err_and(|complaint| complaint.contains("rejects all packets"))
}
