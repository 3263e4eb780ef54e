//! Conditions on conversations (`--where`): a small typed language over the fields of flow records.
//!
//! `lex` cuts an expression into words, `parse` puts them together, `subject` knows what a word speaks of, `value` reads what it is
//! compared with, `test` compares, `error` points at the word that is wrong. A condition is checked whole when it is read: a word that
//! is no field, a unit that does not fit or a state that does not exist is an error and never a condition that holds for nothing.

mod error;
mod finding;
mod lex;
mod parse;
mod subject;
mod test;
mod value;

pub use error::QueryError;

use crate::detect::{Detectors, Finding};
use crate::flow::{FlowId, FlowRecord, Wants, kind_of};
use crate::model::{Endpoint, IpProtocol};
use finding::FindingTest;
use test::Test;

/// A condition, ready to be asked of records.
///
/// What is not known is neither equal nor unequal, greater nor less than anything: such a comparison does not hold; `not` turns
/// the answer of a comparison around, whatever it was.
///
/// ```
/// use sockeye::query::Query;
/// let query = Query::parse("state refused and port 443")?;
/// assert_eq!(query.text(), "state refused and port 443");
/// let error = Query::parse("stat refused").unwrap_err();
/// assert_eq!(error.to_string(), "where: \"stat\" is no field of conversations\n  stat refused\n  ^^^^  did you mean state?");
/// # Ok::<(), sockeye::query::QueryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    text: Box<str>,
    root: Node,
    needs: Wants,
    /// What is asked of findings.
    findings: Vec<FindingTest>,
}

/// A condition made of others, or one comparison.
#[derive(Clone, Debug)]
enum Node {
    /// Each of them holds.
    All(Vec<Node>),
    /// One of them holds.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// A comparison.
    Test(Test),
    /// One that asks for findings: which of them.
    Finding(usize),
}

impl Node {
    /// `found`: a bit for each comparison that asks for findings.
    fn holds(&self, record: &FlowRecord, found: u32) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(record, found)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(record, found)),
            Self::Not(part) => !part.holds(record, found),
            Self::Test(test) => test.holds(record),
            Self::Finding(number) => found >> number & 1 != 0,
        }
    }

    /// The same while only what never changes of a conversation is known: of all else neither.
    fn early(&self, record: &FlowRecord) -> Option<bool> {
        let each = |parts: &[Self], settles: bool| {
            let answers: Vec<_> = parts.iter().map(|part| part.early(record)).collect();
            let all = answers.iter().all(Option::is_some).then_some(!settles);
            if answers.contains(&Some(settles)) { Some(settles) } else { all }
        };
        match self {
            Self::All(parts) => each(parts, false),
            Self::Any(parts) => each(parts, true),
            Self::Not(part) => part.early(record).map(|holds| !holds),
            Self::Test(test) => test.never_changes().then(|| test.holds(record)),
            Self::Finding(_) => None,
        }
    }

    fn needs(&self) -> Wants {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().fold(Wants::NONE, |all, part| all.and(part.needs())),
            Self::Not(part) => part.needs(),
            Self::Test(test) => test.needs(),
            Self::Finding(_) => Detectors::WANTS,
        }
    }
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// When it is none: the error says what is wrong with which word, and what to write.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let (root, findings) = parse::parse(text)?;
        Ok(Self { text: text.into(), needs: root.needs(), root, findings })
    }

    /// Does it hold for this conversation? Of a condition on findings: if it takes part in none.
    #[must_use]
    pub fn holds(&self, record: &FlowRecord) -> bool {
        self.root.holds(record, 0)
    }

    /// Does it ask for findings? Which conversations take part in them is known when all is over.
    #[must_use]
    pub fn asks_for_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// How it comes out for this conversation, whatever findings it takes part in: bit number [`Self::found`] of all of those says whether it
    /// holds.
    #[must_use]
    pub fn table(&self, record: &FlowRecord) -> u16 {
        if self.findings.is_empty() {
            return if self.root.holds(record, 0) { u16::MAX } else { 0 };
        }
        let known = (1_u32 << self.findings.len()) - 1;
        (0..16).fold(0, |table, found| table | u16::from(self.root.holds(record, found & known)) << found)
    }

    /// What it asks of findings and this one is: to be joined by `|` for all that a conversation takes part in.
    #[must_use]
    pub fn found(&self, finding: &Finding) -> u32 {
        self.findings.iter().enumerate().map(|(at, test)| u32::from(test.holds(finding)) << at).sum()
    }

    /// Does it hold, whatever comes? Known of the conversation are its ID and both its ends, in any order; nothing where more must be known.
    #[must_use]
    pub fn early(&self, id: FlowId, ends: (Endpoint, Endpoint)) -> Option<bool> {
        let mut record = FlowRecord { id, originator: ends.0, responder: ends.1, ..FlowRecord::blank() };
        let mut of = |protocol| {
            record.protocol = protocol;
            self.root.early(&record)
        };
        // Its letter may stand for several protocols: what is the same for all of them is known.
        let mut all = (0..=u8::MAX).map(IpProtocol).filter(|protocol| kind_of(*protocol) == id.kind);
        let first = of(all.next()?)?;
        all.all(|protocol| of(protocol) == Some(first)).then_some(first)
    }

    /// What a tracker must work out for it.
    #[must_use]
    pub const fn needs(&self) -> Wants {
        self.needs
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixture::nine;
    use proptest::prelude::*;

    /// The IDs of the records for which it holds.
    fn ids(text: &str) -> String {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let held = nine().into_iter().filter(|record| query.holds(record)).map(|record| record.id.to_string());
        let mut held: Vec<_> = held.collect();
        held.sort();
        held.join(" ")
    }

    fn error(text: &str) -> String {
        Query::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn conditions_of_every_kind() {
        for (text, wanted) in [
            ("state refused", "c2 u3"),
            ("state refused and tcp", "c2"),
            ("STATE = Refused AND port 81", "c2"),
            ("state \"no answer\"", "c6"),
            ("state no-answer,refused", "c2 c6 u3"),
            ("state reset", "c4"),
            ("reset_by resp", "c4"),
            ("host 10.98.0.99", "c6"),
            ("host 10.98.0.96/27", "c6"),
            ("server 10.98.0.99/32 or client 10.98.0.99", "c6"),
            ("port 9000-9999", "c4 c5 u3"),
            ("port != 80,81,53", "c4 c5 u3"),
            ("udp and not port 53", "u3"),
            ("bytes>1MB", "c3"),
            ("in > 100kB", "c3"),
            ("out >= 120000", "c5"),
            ("rtt", "c1 c2 c3 c4 c5 u1 u2 u3"),
            ("not rtt", "c6"),
            ("rtt > 25ms", "c4"),
            ("rtt < 22.45ms", "c3 c5"),
            ("duration > 10s", ""),
            ("id c3", "c3"),
            ("id ~ ^u", "u1 u2 u3"),
            ("proto ~ ^(tcp|icmp)$ && state closed", "c1 c3 c5"),
            ("retries > 0", "c6"),
            ("outcome refused", "c2"),
            ("handshake.outcome != established", "c2 c6"),
            ("icmp_error.type", ""),
            ("(state closed or state refused) and !(port 80 or udp)", "c2 c5"),
            ("start > 2026-11-20T21:11:20Z and start < 21:11:20.6", "c1 c2"),
            ("end_reason timeout", ""),
            ("ip ~ \\.99$", "c6"),
            ("client.port < 40000 or server.packets > 100", "c2 c4"),
        ] {
            assert_eq!(ids(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_compares_to_nothing() {
        assert_eq!(ids("rtt > 0s or rtt <= 0s"), ids("rtt"));
        assert_eq!(ids("handshake.rtt != 1s"), ids("handshake.rtt"));
        assert_eq!(ids("not handshake.rtt = 1s"), "c1 c2 c3 c4 c5 c6 u1 u2 u3");
    }

    #[test]
    fn what_never_changes_is_known_early() {
        let end = |text: &str, port| Endpoint::new(text.parse().unwrap(), port);
        let ends = (end("10.98.0.1", 40_000), end("10.98.0.2", 80));
        let early = |text: &str, id: &str| Query::parse(text).unwrap().early(id.parse().unwrap(), ends);
        for (text, wanted) in [
            ("port 80", Some(true)),
            ("port 81", Some(false)),
            ("not port 81", Some(true)),
            ("host 10.98.0.2 and tcp", Some(true)),
            ("udp", Some(false)),
            ("id c7", Some(true)),
            ("rtt > 1s", None),
            ("client 10.98.0.1", None),
            ("resp.port 80", None),
            ("bytes > 1MB and port 443", Some(false)),
            ("bytes > 1MB and port 80", None),
            ("bytes > 1MB or port 80", Some(true)),
            ("bytes > 1MB or port 443", None),
        ] {
            assert_eq!(early(text, "c7"), wanted, "{text}");
        }
        // ICMP has no ports; the letter does not say whether it is ICMP or ICMPv6, nor which of many protocols x is.
        for (text, id, wanted) in [
            ("port 80", "i1", Some(false)),
            ("not port 80", "i1", Some(true)),
            ("tcp", "i1", Some(false)),
            ("icmp", "i1", None),
            ("icmp or icmp6", "i1", Some(true)),
            ("host 10.98.0.9", "i1", Some(false)),
            ("tcp or udp or sctp", "x1", Some(false)),
            ("proto gre", "x1", None),
            ("port 80", "x1", None),
            ("port 81", "x1", Some(false)),
        ] {
            assert_eq!(early(text, id), wanted, "{text} {id}");
        }
    }

    #[test]
    fn errors_point_at_the_word() {
        for (text, wanted) in [
            ("stat refused", "where: \"stat\" is no field of conversations\n  stat refused\n  ^^^^  did you mean state?"),
            ("state refusd", "where: \"refusd\" is none of its words\n  state refusd\n        ^^^^^^  did you mean refused?"),
            (
                "rtt > 100",
                "where: \"100\" is not a length of time without its unit\n  rtt > 100\n        ^^^  write 100ms, 2s or 5min",
            ),
            ("port 80 and", "where: the condition ends too early: a comparison is missing\n  port 80 and\n             ^"),
            (
                "tcp port 80",
                "where: two conditions need a word between them\n  tcp port 80\n      ^^^^  write \"and\" or \"or\" before this",
            ),
            ("(tcp", "where: this parenthesis is never closed\n  (tcp\n  ^"),
            ("tcp)", "where: a parenthesis is closed that was never opened\n  tcp)\n     ^"),
            (
                "state > 3",
                "where: \">\" compares numbers and times; \"state\" is none\n  state > 3\n  ^^^^^  compare it by = != or ~",
            ),
            (
                "packets ~ 3",
                "where: \"~\" finds patterns in words and addresses; \"packets\" is none\n  packets ~ 3\n  ^^^^^^^  compare it by = != < <= > >=",
            ),
            ("ip ~ (a", "where: the pattern cannot be read: unclosed group\n  ip ~ (a\n       ^^"),
            ("host 10.1", "where: \"10.1\" is not an address\n  host 10.1\n       ^^^^  write: 10.1.0.0/16"),
            ("port =", "where: \"=\" needs a value behind it\n  port =\n        ^"),
            ("", "where: the condition is empty\n  \n  ^  write, say: state refused and port 443"),
            (
                "port > 1-9",
                "where: a range has no place here\n  port > 1-9\n         ^^^  write one number, or = before the range",
            ),
        ] {
            assert_eq!(error(text), wanted);
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        assert!(error(&"(".repeat(100_000)).contains("longer than 64 KiB"));
        assert!(error(&"(".repeat(1000)).contains("in one another"));
        assert!(error(&"not ".repeat(1000)).contains("in one another"));
        assert!(error(&format!("ip ~ {}", "(a{1,99}){1,99}".repeat(20))).contains("too big"));
        assert!(Query::parse(&vec!["tcp"; 5000].join(" or ")).is_ok());
    }

    #[test]
    fn every_field_can_be_asked() {
        let sample = crate::flow::sample::everything_known();
        for field in crate::flow::fields::all() {
            let query = Query::parse(field.name).unwrap_or_else(|error| panic!("{error}"));
            let value = (field.get)(&sample);
            assert_eq!(query.holds(&sample), value != crate::flow::fields::Value::Bool(false), "{}", field.name);
            assert_eq!(query.needs(), field.needs, "{}", field.name);
        }
    }

    proptest! {
        /// Whatever is written, it is read or refused, and what is refused is pointed at.
        #[test]
        fn anything_is_read_or_refused(words in proptest::collection::vec(prop_oneof![
            Just("state"), Just("port"), Just("rtt"), Just(">"), Just("="), Just("!="), Just("~"), Just("("), Just(")"), Just("and"),
            Just("or"), Just("not"), Just("refused"), Just("80"), Just("10ms"), Just(","), Just("\""), Just("é["), Just("10.0.0.0/8"),
            Just("1-5"), Just("start"), Just("21:11"), Just("\\"),
        ], 0..12)) {
            let text = words.join(" ");
            match Query::parse(&text) {
                Ok(query) => prop_assert!(nine().iter().filter(|record| query.holds(record)).count() <= 9),
                Err(error) => {
                    prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                    prop_assert!(error.to_string().contains('^'));
                }
            }
        }
    }
}
