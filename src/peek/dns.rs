//! DNS messages (RFC 1035 section 4): header, questions, records; of multicast DNS, LLMNR and NetBIOS's name service, too,
//! which have the same form.
//!
//! A message is recognised strictly, by its header and its first question or record, so that hardly anything else is taken for
//! it; behind that, what can be read is given, and where reading ended. Nothing is looked up, kept or put together here.

pub mod code;
pub mod data;
mod front;
pub mod name;

pub use code::{Class, Kind, Opcode, Rcode};
pub use data::{Data, Value};
pub use front::{Front, Header, Question, Variant, recognise, recognise_stream};
pub use name::Name;

use self::front::{HEADER, front, head, question};
use super::{Peek, Stop};
use crate::model::bytes::be16;
use std::fmt;

/// A message of which header, questions and as many records as possible are readable.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The fixed part.
    pub header: Header,
    front: Front,
    /// The bytes that it takes.
    bytes: &'a [u8],
    /// So many records can be read.
    readable: usize,
    problem: Option<Problem>,
}

/// Why a message could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record that could not be read begins here, bytes from the start of the message.
    pub at: usize,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// Its name: a pointer that does not point backwards, a label of no known kind, over 255 bytes.
    Name,
    /// The message ends in it.
    Ends,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ProblemKind::Name => "has a malformed name",
            ProblemKind::Ends => "goes beyond the end of the message",
        };
        write!(f, "the DNS record at byte {} {what}", self.at)
    }
}

/// Reads a message from the front of a datagram's data, or of a message over TCP without its length.
///
/// `Not`: the header is no message's ([`Header::read`]), or the first question (the first record, where there is none) is
/// malformed or of a class that does not exist. `More`: the bytes end before the last record that the header counts; if no more
/// come, see [`read_cut`]. Bytes behind the last record are not looked at.
#[must_use]
pub fn read(bytes: &[u8]) -> Peek<Message<'_>> {
    let message = match front(bytes) {
        Ok(front) => walk(bytes, front),
        Err(stop) => return stop.into(),
    };
    if message.problem.is_some_and(|problem| problem.kind == ProblemKind::Ends) { Peek::More } else { Peek::Is(message) }
}

/// Reads a message of which no more bytes will come: cut by the capture, or with a record that claims more than there is. Header
/// and questions must be whole; [`Message::problem`] says where the rest ends.
#[must_use]
pub fn read_cut(bytes: &[u8]) -> Option<Message<'_>> {
    front(bytes).ok().map(|front| walk(bytes, front))
}

/// A message over TCP and where the next begins.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// The message.
    pub message: Message<'a>,
    /// It takes so many bytes of the stream, its length's two included.
    pub len: usize,
}

/// Reads a message with its length in two bytes before it, as it is sent over TCP (RFC 1035 section 4.2.2).
#[must_use]
pub fn read_stream(bytes: &[u8]) -> Peek<Framed<'_>> {
    match recognise_stream(bytes) {
        Peek::Is(_) => {}
        Peek::Not => return Peek::Not,
        Peek::More => return Peek::More,
    }
    let Some(len) = be16(bytes, 0).map(|length| 2 + usize::from(length)) else { return Peek::More };
    match bytes.get(2..len) {
        // It says its own length: what goes beyond that will not come.
        Some(whole) => read_cut(whole).map_or(Peek::Not, |message| Peek::Is(Framed { message, len })),
        None => Peek::More,
    }
}

/// Goes over all records without looking into them.
fn walk(bytes: &[u8], front: Front) -> Message<'_> {
    let Front { header, records_at, .. } = front;
    let mut at = records_at;
    let mut readable = 0;
    let mut problem = None;
    while readable < header.records() {
        let kind = match head(bytes, at) {
            Ok(head) if head.end <= bytes.len() => {
                at = head.end;
                readable += 1;
                continue;
            }
            Err(Stop::Not) => ProblemKind::Name,
            _ => ProblemKind::Ends,
        };
        problem = Some(Problem { at, kind });
        break;
    }
    let end = if problem.is_some() { bytes.len() } else { at };
    Message { header, front, bytes: &bytes[..end], readable, problem }
}

/// Where in a message a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// What was asked for. In an update (RFC 2136): what must hold before.
    Answer,
    /// Who knows better. In an update: what is to be changed.
    Authority,
    /// What may be of use.
    Additional,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands.
    pub section: Section,
    /// Of what.
    pub name: Name,
    /// What.
    pub kind: Kind,
    /// In which class. Of OPT: the size of datagrams, see [`Message::edns`].
    pub class: Class,
    /// How long it may be kept, seconds. Of OPT: flags.
    pub ttl: u32,
    /// The data.
    pub data: Data<'a>,
}

/// What EDNS adds to the header (RFC 6891 section 6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Version, 0 today.
    pub version: u8,
    /// DO: are signatures wanted (RFC 3225)?
    pub dnssec_ok: bool,
    /// The longest datagram that the sender takes, bytes.
    pub size: u16,
}

impl fmt::Display for Edns {
    /// As dig has it: `EDNS: version: 0, flags: do; udp: 1232`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dnssec_ok = if self.dnssec_ok { " do" } else { "" };
        write!(f, "EDNS: version: {}, flags:{dnssec_ok}; udp: {}", self.version, self.size)
    }
}

impl<'a> Message<'a> {
    /// Its bytes: those behind the last record are left out. Of one with a [`Self::problem`] all that were given.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where it could not be read on, if there was such a place.
    #[must_use]
    pub const fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Which protocol's it is, see [`Front::variant`].
    #[must_use]
    pub fn variant(&self, ports: (u16, u16)) -> Variant {
        self.front.variant(ports)
    }

    /// What it asks, or answers. Nearly always one; more in multicast DNS.
    pub fn questions(&self) -> impl Iterator<Item = Question> + use<'a> {
        let (bytes, netbios) = (self.bytes, self.front.netbios);
        let mut at = HEADER;
        (0..self.header.questions).map_while(move |_| {
            let (mut question, after) = question(bytes, at).ok()?;
            question.kind.netbios = netbios;
            at = after;
            Some(question)
        })
    }

    /// All records that can be read, in order, EDNS's OPT among them.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let Self { header, bytes, front: Front { netbios, records_at, .. }, .. } = *self;
        let mut at = records_at;
        (0..self.readable).map_while(move |n| {
            let head = head(bytes, at).ok()?;
            at = head.end;
            let section = match n.checked_sub(usize::from(header.answers)) {
                None => Section::Answer,
                Some(n) if n < usize::from(header.authorities) => Section::Authority,
                Some(_) => Section::Additional,
            };
            let kind = Kind { netbios, ..head.kind };
            let data = Data { message: bytes.get(..head.end)?, at: head.data_at, kind };
            Some(Record { section, name: head.name, kind, class: head.class, ttl: head.ttl, data })
        })
    }

    /// The records of the answer section.
    pub fn answers(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        self.records().take_while(|record| record.section == Section::Answer)
    }

    /// EDNS's part of the header, where the message has it.
    #[must_use]
    pub fn edns(&self) -> Option<Edns> {
        let opt = self.opt()?;
        Some(Edns { version: (opt.ttl >> 16) as u8, dnssec_ok: opt.ttl & 0x8000 != 0, size: opt.class.0 })
    }

    /// How the question was answered, with the bits that EDNS adds.
    #[must_use]
    pub fn rcode(&self) -> Rcode {
        let high = self.opt().map_or(0, |opt| (opt.ttl >> 24) as u16);
        Rcode(high << 4 | self.header.rcode().0)
    }

    fn opt(&self) -> Option<Record<'a>> {
        self.records().find(|record| record.kind == Kind::OPT && record.section == Section::Additional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::samples;
    use proptest::prelude::*;
    use std::fmt::Write;

    /// What dig would print of a message, in short.
    fn told(message: &Message<'_>) -> String {
        let header = message.header;
        let mut text = format!("{} {} {}", if header.is_response() { "<-" } else { "->" }, header.opcode(), message.rcode());
        for question in message.questions() {
            let _ = write!(text, " | {} {} {}?", question.name, question.class, question.kind);
        }
        for record in message.records().filter(|record| record.kind != Kind::OPT) {
            let Record { section, name, kind, class, ttl, data } = record;
            let _ = write!(text, " | {section:?} {name} {ttl} {class} {kind} {data}");
        }
        if let Some(edns) = message.edns() {
            let _ = write!(text, " | {edns}");
        }
        text
    }

    #[test]
    fn the_bundled_capture_reads_as_dig_printed_it() {
        let said = samples::read("dns.pcap");
        let read: Vec<_> = said.datagrams.iter().map(|(_, bytes)| read(bytes).is().expect("a message")).collect();
        let told: Vec<_> = read.iter().map(told).collect();
        let edns = "EDNS: version: 0, flags:; udp: 1232";
        assert_eq!(
            told,
            [
                format!("-> QUERY NOERROR | www.example.test IN A? | {edns}"),
                format!("<- QUERY NOERROR | www.example.test IN A? | Answer www.example.test 0 IN A 10.77.0.2 | {edns}"),
                format!("-> QUERY NOERROR | www.example.test IN AAAA? | {edns}"),
                format!("<- QUERY NOERROR | www.example.test IN AAAA? | Answer www.example.test 0 IN AAAA fd00:77::2 | {edns}"),
                format!("-> QUERY NOERROR | web.example.test IN A? | {edns}"),
                format!(
                    "<- QUERY NOERROR | web.example.test IN A? | Answer web.example.test 0 IN CNAME www.example.test | \
                     Answer www.example.test 0 IN A 10.77.0.2 | {edns}"
                ),
                format!("-> QUERY NOERROR | example.test IN MX? | {edns}"),
                format!("<- QUERY NOERROR | example.test IN MX? | Answer example.test 0 IN MX 10 mail.example.test | {edns}"),
                format!("-> QUERY NOERROR | nosuch.example.test IN A? | {edns}"),
                format!("<- QUERY NXDOMAIN | nosuch.example.test IN A? | {edns}"),
                "-> QUERY NOERROR | long.example.test IN TXT?".into(),
                "<- QUERY NOERROR | long.example.test IN TXT?".into(),
            ]
        );
        assert!(read[11].header.is_truncated() && !read[9].header.is_truncated());
        assert_eq!((read[0].header.id, read[1].header.id), (0x5b4a, 0x5b4a));
        for (message, (ports, bytes)) in read.iter().zip(&said.datagrams) {
            assert_eq!(message.problem(), None);
            assert_eq!(message.bytes(), &bytes[..]);
            assert_eq!(message.variant(*ports), Variant::Dns);
        }
        let over_tcp = said.streams.iter().find(|(_, sides)| sides.len() == 2).expect("a connection");
        let [asked, answered] = [0, 1].map(|side| read_stream(&over_tcp.1[side].1).is().expect("a message"));
        assert_eq!(asked.message.header.id, 0x901c);
        assert_eq!(answered.len, over_tcp.1[1].1.len());
        assert!(told_of_txt(&answered.message) > 300, "the answer that was too long for UDP");
    }

    fn told_of_txt(message: &Message<'_>) -> usize {
        let record = message.answers().next().expect("an answer");
        let Some(Value::Texts(texts)) = record.data.value() else { panic!("{:?}", record.data) };
        texts.iter().map(<[u8]>::len).sum()
    }

    /// A header with these flags and counts.
    fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
        [&[0x12, 0x34][..], &flags.to_be_bytes(), counts.map(u16::to_be_bytes).as_flattened()].concat()
    }

    /// www.example.test, A, IN
    const QUESTION: &[u8] = b"\x03www\x07example\x04test\x00\x00\x01\x00\x01";

    /// For the name in the question: A, IN, a minute.
    const ANSWER: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x4d\x00\x02";

    #[test]
    fn what_no_message_says_is_refused() {
        let is = |flags, counts, rest: &[u8]| read(&[&header(flags, counts)[..], rest].concat()).is().is_some();
        assert!(is(0x100, [1, 0, 0, 0], QUESTION));
        assert!(is(0x8180, [1, 1, 0, 0], &[QUESTION, ANSWER].concat()));
        assert!(!is(0x140, [1, 0, 0, 0], QUESTION), "the bit that must be 0");
        assert!(!is(0x103, [1, 0, 0, 0], QUESTION), "a question with an error");
        assert!(!is(0x810c, [1, 0, 0, 0], QUESTION), "a response code that means nothing");
        assert!(!is(0x0900, [1, 0, 0, 0], QUESTION), "an opcode that is no more");
        assert!(!is(0x3000, [1, 0, 0, 0], QUESTION), "an opcode of NetBIOS");
        assert!(!is(0x100, [0, 0, 0, 0], &[]), "nothing asked");
        assert!(is(0x1000, [0, 0, 0, 0], &[]), "a server's state is asked for");
        assert!(!is(0x1000, [0, 0, 0, 0], b"x"), "the same and something more");
        assert!(!is(0x8000, [0, 0, 0, 0], &[]), "nothing answered");
        assert!(is(0x8001, [0, 0, 0, 0], &[]), "an error without its question");
        assert!(!is(0x8001, [0, 0, 0, 0], b"x"), "the same and something more");
        assert!(!is(0x100, [1, 0xffff, 0, 0], QUESTION), "too many records for any message");
        let with = |kind: u8, class: u16| [&QUESTION[..19], &[kind], &class.to_be_bytes()].concat();
        assert!(!is(0x100, [1, 0, 0, 0], &with(0, 1)), "no type");
        assert!(!is(0x100, [1, 0, 0, 0], &with(1, 2)), "no class");
        assert!(is(0x0000, [1, 0, 0, 0], &with(12, 0x8001)), "multicast DNS: answer by unicast");
        assert!(is(0x8400, [0, 1, 0, 0], &[&QUESTION[..18], &ANSWER[2..]].concat()), "multicast DNS: no question");
    }

    #[test]
    fn a_message_that_breaks_off_says_where() {
        let bytes = [&header(0x8180, [1, 2, 0, 0])[..], QUESTION, ANSWER, b"\xc0\xff\x00\x01\x00\x01\x00\x00"].concat();
        let message = read(&bytes).is().unwrap();
        assert_eq!(message.problem(), Some(Problem { at: 50, kind: ProblemKind::Name }));
        assert_eq!(message.problem().unwrap().to_string(), "the DNS record at byte 50 has a malformed name");
        assert_eq!(message.answers().filter_map(|record| record.data.address()).count(), 1);
        let cut = &[&header(0x8180, [1, 2, 0, 0])[..], QUESTION, ANSWER, &ANSWER[..15]].concat();
        assert!(matches!(read(cut), Peek::More));
        let message = read_cut(cut).unwrap();
        assert_eq!(message.problem(), Some(Problem { at: 50, kind: ProblemKind::Ends }));
        assert_eq!(told(&message), "<- QUERY NOERROR | www.example.test IN A? | Answer www.example.test 60 IN A 10.77.0.2");
        assert!(read_cut(&cut[..20]).is_none());
    }

    #[test]
    fn over_tcp_a_message_ends_where_its_length_says() {
        let query = [&header(0x100, [1, 0, 0, 0])[..], QUESTION].concat();
        let stream = [&(query.len() as u16).to_be_bytes()[..], &query, &[0, 34]].concat();
        assert_eq!(read_stream(&stream).is().unwrap().len, 36);
        let short = [&20_u16.to_be_bytes()[..], &query].concat();
        assert!(matches!(read_stream(&short), Peek::Not), "a question longer than its message");
        let lying = [&(query.len() as u16).to_be_bytes()[..], &header(0x8180, [1, 1, 0, 0]), QUESTION].concat();
        assert!(matches!(read_stream(&lying), Peek::Not), "no room for the answer");
        assert!(matches!(read_stream(b"\x00\x03"), Peek::Not));
        let text = b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
        assert!(matches!(recognise_stream(text), Peek::Not));
    }

    #[test]
    fn relatives_are_told_apart() {
        let query = [&header(0, [1, 0, 0, 0])[..], QUESTION].concat();
        let of = |bytes: &[u8], ports| read(bytes).is().unwrap().variant(ports);
        assert_eq!(of(&query, (5353, 5353)), Variant::Mdns);
        assert_eq!(of(&query, (50000, 5355)), Variant::Llmnr);
        assert_eq!(of(&query, (50000, 5300)), Variant::Dns);
        let name = b"\x20EMEPEDEBEMEIEPFDFECACACACACACAAA\x00\x00\x21\x00\x01";
        let status = [&header(0x0110, [1, 0, 0, 0])[..], name].concat();
        let message = read(&status).is().unwrap();
        assert_eq!(message.variant((137, 137)), Variant::Netbios);
        let question = message.questions().next().unwrap();
        assert_eq!(
            (question.kind.to_string(), question.name.netbios().unwrap().to_string()),
            ("NBSTAT".into(), "LOCALHOST<00>".into())
        );
        let registration = [&header(0x2910, [1, 0, 0, 0])[..], name].concat();
        assert_eq!(of(&registration, (137, 137)), Variant::Netbios);
    }

    #[test]
    fn edns_adds_to_the_code() {
        let opt = b"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x00";
        let bytes = [&header(0x8000, [1, 0, 0, 1])[..], QUESTION, opt].concat();
        let message = read(&bytes).is().unwrap();
        assert_eq!(message.rcode().to_string(), "BADVERS");
        assert_eq!(message.edns().unwrap().to_string(), "EDNS: version: 0, flags: do; udp: 1232");
    }

    /// A record whose data is a chain of pointers, each to the one before, and as many records as fit that have the last of them
    /// for their name. How many records, and the message.
    fn chained(pointers: u16) -> (usize, Vec<u8>) {
        let at = (HEADER + QUESTION.len() + 11) as u16;
        let chain =
            (0..pointers).map(|n| if n == 0 { 12 } else { at + 2 * (n - 1) }).flat_map(|target| (0xc000 | target).to_be_bytes());
        let first =
            [&b"\x00\x00\x0a\x00\x01\x00\x00\x00\x00"[..], &(2 * pointers).to_be_bytes(), &chain.collect::<Vec<_>>()].concat();
        let last = 0xc000 | (at + 2 * (pointers - 1));
        let record = [&last.to_be_bytes()[..], b"\x00\x0a\x00\x01\x00\x00\x00\x00\x00\x00"].concat();
        let count = (65_000 - first.len()) / record.len();
        let header = header(0x8000, [1, 1 + count as u16, 0, 0]);
        (1 + count, [&header[..], QUESTION, &first, &record.repeat(count)].concat())
    }

    #[test]
    fn chains_of_pointers_are_bounded() {
        let (count, bytes) = chained(126);
        let message = read(&bytes).is().unwrap();
        assert_eq!((message.records().count(), message.problem()), (count, None));
        assert_eq!(message.records().last().unwrap().name.to_string(), "www.example.test");
        let (_, bytes) = chained(127);
        let message = read(&bytes).is().unwrap();
        assert_eq!(message.records().count(), 1);
        assert_eq!(message.problem().unwrap().kind, ProblemKind::Name);
    }

    /// Names, records and odd bytes, put together as a message would be.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let name = prop_oneof![
            Just(b"\xc0\x0c".to_vec()),
            Just(b"\x00".to_vec()),
            prop::collection::vec(prop::collection::vec(any::<u8>(), 1..6), 0..4).prop_map(|labels| labels
                .iter()
                .flat_map(|l| [&[l.len() as u8][..], l].concat())
                .chain([0])
                .collect()),
            (0_u16..80).prop_map(|target| (0xc000 | target).to_be_bytes().to_vec()),
        ];
        let kind = prop::sample::select(vec![1_u16, 2, 5, 6, 12, 15, 16, 28, 33, 41, 64, 65, 257, 999]);
        let record = (name, kind, any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(name, kind, ttl, data)| {
            [&name[..], &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &(data.len() as u16).to_be_bytes(), &data].concat()
        });
        (prop::collection::vec(record, 0..8), any::<[u8; 3]>(), prop::collection::vec(any::<u8>(), 0..8)).prop_map(
            |(records, odd, more)| {
                let count = records.len() as u16 + u16::from(odd[0] == 0);
                let answers = count.min(u16::from(odd[1] & 7));
                [&header(0x8180, [1, answers, 0, count - answers])[..], QUESTION, &records.concat(), &more].concat()
            },
        )
    }

    proptest! {
        #[test]
        fn a_part_says_the_same_or_waits(bytes in messages()) {
            let whole = read(&bytes);
            let whole_text = whole.is().map(|message| told(&message));
            for cut in 0..bytes.len() {
                match read(&bytes[..cut]) {
                    Peek::More => {}
                    Peek::Is(part) => prop_assert_eq!(Some(told(&part)), whole_text.clone()),
                    Peek::Not => prop_assert!(false, "{} bytes of {:?}", cut, bytes),
                }
            }
        }

        #[test]
        fn text_of_a_message_is_safe_on_any_screen(bytes in messages()) {
            let message = read_cut(&bytes).expect("header and question are whole");
            let text = told(&message);
            prop_assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", text);
            prop_assert!(message.records().count() <= 9);
        }

        #[test]
        fn random_bytes_are_no_message(bytes in prop::collection::vec(any::<u8>(), 12..300)) {
            prop_assert!(recognise(&bytes).is().is_none());
            prop_assert!(recognise_stream(&bytes).is().is_none());
        }
    }
}
