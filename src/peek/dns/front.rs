//! Is it a message of DNS at all, and which one's: header, questions, and where there are none the front of the first record, read
//! strictly, so that hardly anything else is taken for it. What records say is not asked here.

use super::code::{Class, Kind, Opcode, Rcode};
use super::name::Name;
use crate::model::bytes::{be16, be32};
use crate::peek::{Peek, Stop};

/// Bytes of the header.
pub(super) const HEADER: usize = 12;

/// Least bytes of a question: the root's name, type, class.
const LEAST_QUESTION: usize = 5;

/// Least bytes of a record: the root's name, type, class, time to live, length.
const LEAST_RECORD: usize = 11;

/// The fixed part of a message (RFC 1035 section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by who asks, repeated by who answers; 0 in multicast DNS.
    pub id: u16,
    pub(super) flags: u16,
    /// How many questions there are, so the header says.
    pub questions: u16,
    /// Records of the answer.
    pub answers: u16,
    /// Records of the authority section.
    pub authorities: u16,
    /// Additional records, EDNS's among them.
    pub additional: u16,
}

impl Header {
    /// Reads the first 12 bytes. `Not` is what no message of today has: the bit that must be 0, an opcode or response code that
    /// means nothing, a question with an error, more records than any message has room for, and nothing asked (but for the state of a server).
    #[must_use]
    pub fn read(bytes: &[u8]) -> Peek<Self> {
        Self::checked(bytes).into()
    }

    pub(super) fn checked(bytes: &[u8]) -> Result<Self, Stop> {
        let id = be16(bytes, 0).ok_or(Stop::More)?;
        let first = *bytes.get(2).ok_or(Stop::More)?;
        // 5 to 9 and 15 are NetBIOS's, too (RFC 1002 section 4.2.1.1).
        if !matches!(first >> 3 & 0xf, 0 | 2 | 4..=9 | 15) {
            return Err(Stop::Not);
        }
        let flags = be16(bytes, 2).ok_or(Stop::More)?;
        let is_response = flags & 0x8000 != 0;
        if flags & 0x40 != 0 || flags & 0xf > if is_response { 11 } else { 0 } {
            return Err(Stop::Not);
        }
        let count = |at| be16(bytes, at).ok_or(Stop::More);
        let header = Self { id, flags, questions: count(4)?, answers: count(6)?, authorities: count(8)?, additional: count(10)? };
        // Opcode 2 asks for the state of the server, which is no question (RFC 1035 section 4.1.1).
        let asks = !is_response && first >> 3 & 0xf == 2 && header.records() == 0;
        let fails = is_response && (header.records() > 0 || header.rcode() != Rcode::NOERROR);
        let nothing = header.questions == 0 && !asks && !fails;
        if nothing || header.least_bytes() > usize::from(u16::MAX) { Err(Stop::Not) } else { Ok(header) }
    }

    /// Records of all three sections, so the header says.
    pub(super) fn records(&self) -> usize {
        usize::from(self.answers) + usize::from(self.authorities) + usize::from(self.additional)
    }

    /// A message with these counts has at least so many bytes.
    fn least_bytes(&self) -> usize {
        HEADER + LEAST_QUESTION * usize::from(self.questions) + LEAST_RECORD * self.records()
    }

    const fn bit(self, mask: u16) -> bool {
        self.flags & mask != 0
    }

    /// QR: is it an answer?
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.bit(0x8000)
    }

    /// What it is for.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        Opcode((self.flags >> 11 & 0xf) as u8)
    }

    /// AA: does the answer come from who is in charge of the name?
    #[must_use]
    pub const fn is_authoritative(self) -> bool {
        self.bit(0x400)
    }

    /// TC: was it too long, and is to be asked for again over TCP?
    #[must_use]
    pub const fn is_truncated(self) -> bool {
        self.bit(0x200)
    }

    /// RD: shall the server ask others?
    #[must_use]
    pub const fn recursion_desired(self) -> bool {
        self.bit(0x100)
    }

    /// RA: would it?
    #[must_use]
    pub const fn recursion_available(self) -> bool {
        self.bit(0x80)
    }

    /// AD: has the server checked all signatures (RFC 4035 section 3.2.3)? In a question: shall it say so?
    #[must_use]
    pub const fn authentic_data(self) -> bool {
        self.bit(0x20)
    }

    /// CD: shall it not check (RFC 4035 section 3.2.2)? In NetBIOS's messages: broadcast.
    #[must_use]
    pub const fn checking_disabled(self) -> bool {
        self.bit(0x10)
    }

    /// The header's own four bits of the response code; [`Message::rcode`](super::Message::rcode) has all.
    #[must_use]
    pub const fn rcode(self) -> Rcode {
        Rcode(self.flags & 0xf)
    }
}

/// Which of the protocols with this form a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// DNS.
    Dns,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// Link-local multicast name resolution (RFC 4795).
    Llmnr,
    /// NetBIOS's name service (RFC 1002).
    Netbios,
}

/// Do these bytes begin with a message's header and its questions? Needs no more of it than that.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Peek<Front> {
    front(bytes).into()
}

/// The same for a stream, where a message's length stands before it.
#[must_use]
pub fn recognise_stream(bytes: &[u8]) -> Peek<Front> {
    let Some(length) = be16(bytes, 0).map(usize::from) else { return Peek::More };
    if length < HEADER {
        return Peek::Not;
    }
    let message = &bytes[2..];
    let whole = message.len() >= length;
    match front(&message[..length.min(message.len())]) {
        Ok(front) if front.records_at + LEAST_RECORD * front.header.records() <= length => Peek::Is(front),
        Err(Stop::More) if !whole => Peek::More,
        _ => Peek::Not,
    }
}

/// What is known of a message when it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Front {
    /// The fixed part.
    pub header: Header,
    /// Where the records begin.
    pub(super) records_at: usize,
    pub(super) netbios: bool,
}

impl Front {
    /// Which protocol's it is. NetBIOS has names of its own form; the others are told apart by their ports alone.
    #[must_use]
    pub fn variant(&self, ports: (u16, u16)) -> Variant {
        let either = |port| ports.0 == port || ports.1 == port;
        if self.netbios {
            Variant::Netbios
        } else if either(5353) {
            Variant::Mdns
        } else if either(5355) {
            Variant::Llmnr
        } else {
            Variant::Dns
        }
    }
}

/// Reads header and questions, and where there are none the head of the first record, strictly.
pub(super) fn front(bytes: &[u8]) -> Result<Front, Stop> {
    let header = Header::checked(bytes)?;
    let mut at = HEADER;
    let mut netbios = false;
    for _ in 0..header.questions {
        let (question, after) = question(bytes, at)?;
        if question.kind.number == 0 || question.class.name().is_none() {
            return Err(Stop::Not);
        }
        netbios |= is_netbios(&question.name, question.kind);
        at = after;
    }
    if header.questions == 0 {
        match head(bytes, at) {
            // RFC 1035 section 4.1.1 has questions in answers, but servers leave them out of those that are errors.
            _ if header.records() == 0 && bytes.len() > at => return Err(Stop::Not),
            _ if header.records() == 0 => {}
            Err(stop) => return Err(stop),
            Ok(head) => {
                let opt = head.kind == Kind::OPT && head.name.is_root();
                if head.kind.number == 0 || (head.class.name().is_none() && !opt) {
                    return Err(Stop::Not);
                }
                netbios = is_netbios(&head.name, head.kind);
            }
        }
    }
    // The codes that mean something in NetBIOS's messages only.
    if !netbios && header.opcode().0 > 5 {
        return Err(Stop::Not);
    }
    Ok(Front { header, records_at: at, netbios })
}

/// RFC 1002 section 4.2.1: questions and records of NetBIOS are of two types (and NULL, A, NS in answers) and have names of a
/// form that no host's has.
fn is_netbios(name: &Name, kind: Kind) -> bool {
    matches!(kind.number, 1 | 2 | 10 | 32 | 33) && name.netbios().is_some()
}

/// A question (RFC 1035 section 4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of what.
    pub name: Name,
    /// What.
    pub kind: Kind,
    /// In which class.
    pub class: Class,
}

pub(super) fn question(bytes: &[u8], at: usize) -> Result<(Question, usize), Stop> {
    let (name, at) = Name::read(bytes, at)?;
    let kind = Kind::dns(be16(bytes, at).ok_or(Stop::More)?);
    let class = Class(be16(bytes, at + 2).ok_or(Stop::More)?);
    Ok((Question { name, kind, class }, at + 4))
}

/// A record without its data (RFC 1035 section 4.1.3).
pub(super) struct RecordHead {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) class: Class,
    pub(super) ttl: u32,
    /// Where its data begins.
    pub(super) data_at: usize,
    /// Where it ends, so it says.
    pub(super) end: usize,
}

pub(super) fn head(bytes: &[u8], at: usize) -> Result<RecordHead, Stop> {
    let (name, at) = Name::read(bytes, at)?;
    let number = |at| be16(bytes, at).ok_or(Stop::More);
    let (kind, class) = (Kind::dns(number(at)?), Class(number(at + 2)?));
    let ttl = be32(bytes, at + 4).ok_or(Stop::More)?;
    let data_at = at + 10;
    Ok(RecordHead { name, kind, class, ttl, data_at, end: data_at + usize::from(number(at + 8)?) })
}
