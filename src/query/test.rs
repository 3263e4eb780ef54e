//! One comparison: a field, a sign, a value; and how it comes out for a record.

use super::lex::Sign;
use super::subject::Subject;
use super::value::{Wanted, plain, within};
use crate::flow::app::{ObjectVisitor, Objects};
use crate::flow::fields::Value;
use crate::flow::{FlowRecord, Wants};
use regex::Regex;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// A comparison.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) subject: Subject,
    pub(super) check: Check,
}

/// What is asked of the subject.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// It is known; of yes and no, it is yes.
    Known,
    /// It is one of these.
    OneOf(Vec<Wanted>),
    /// It is known and none of these; of two sides, neither.
    NoneOf(Vec<Wanted>),
    /// It stands in this order to a value.
    Order(Sign, Wanted),
    /// A pattern is found in it.
    Like(Regex),
    /// It is known and the pattern is not found in it; of two sides, in neither.
    Unlike(Regex),
}

impl Test {
    pub(super) const fn needs(&self) -> Wants {
        self.subject.needs()
    }

    /// Is the answer the same from a conversation's first packet to its last, whichever side turns out to be the originator?
    pub(super) fn never_changes(&self) -> bool {
        self.subject.never_changes()
    }

    pub(super) fn holds(&self, record: &FlowRecord) -> bool {
        let any = |check: &dyn Fn(Value<'_>) -> bool| self.subject.any(record, check);
        match &self.check {
            Check::Known => any(&known),
            Check::OneOf(wanted) => any(&|value| one_of(value, wanted)),
            Check::NoneOf(wanted) => any(&is_there) && !any(&|value| one_of(value, wanted)),
            Check::Order(sign, wanted) => any(&|value| ordered(value, *sign, wanted)),
            Check::Like(pattern) => any(&|value| like(value, pattern)),
            Check::Unlike(pattern) => any(&is_there) && !any(&|value| like(value, pattern)),
        }
    }
}

/// Is there anything?
fn is_there(value: Value<'_>) -> bool {
    !matches!(value, Value::Null)
}

/// What a field without a comparison asks.
fn known(value: Value<'_>) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::List(list) => !list.is_empty(),
        Value::Words(words) => !words.is_empty(),
        Value::Texts(texts) => !texts.is_empty(),
        Value::Objects(objects) => !objects.is_empty(),
        _ => true,
    }
}

fn one_of(value: Value<'_>, wanted: &[Wanted]) -> bool {
    match value {
        Value::List(list) => list.iter().any(|n| one_of(Value::U64(u64::from(*n)), wanted)),
        Value::Words(words) => words.iter().any(|word| one_of(Value::Word(word), wanted)),
        Value::Texts(texts) => texts.iter().any(|text| one_of(Value::Text(text), wanted)),
        Value::Objects(objects) => any_text(objects, |text| one_of(Value::Text(text), wanted)),
        value => wanted.iter().any(|wanted| equal(value, wanted)),
    }
}

fn equal(value: Value<'_>, wanted: &Wanted) -> bool {
    match (value, wanted) {
        (Value::U64(n), Wanted::Number(from, to)) => (*from..=*to).contains(&n),
        (Value::Span(a), Wanted::Span(b)) => a == *b,
        (Value::Time(a), Wanted::Time(b)) => a == *b,
        (Value::Time(a), Wanted::Clock(b)) => a.nanos().rem_euclid(DAY) == *b,
        (Value::Ip(address), Wanted::Net(net, bits)) => within(address, *net, *bits),
        (Value::Bool(a), Wanted::Bool(b)) => a == *b,
        (Value::Protocol(a), Wanted::Protocol(b)) => a == *b,
        (Value::Id(a), Wanted::Id(b)) => a == *b,
        (Value::Word(word), Wanted::Word(wanted)) => word.len() == wanted.len() && plain(word) == *wanted,
        (Value::Text(text), Wanted::Text(wanted)) => text == wanted,
        (Value::CommunityId(id), Wanted::Text(wanted)) => id.as_str() == wanted,
        _ => false,
    }
}

fn ordered(value: Value<'_>, sign: Sign, wanted: &Wanted) -> bool {
    if let Value::List(list) = value {
        return list.iter().any(|n| ordered(Value::U64(u64::from(*n)), sign, wanted));
    }
    let order = match (value, wanted) {
        (Value::U64(n), Wanted::Number(wanted, _)) => n.cmp(wanted),
        (Value::Span(a), Wanted::Span(b)) => a.cmp(b),
        (Value::Time(a), Wanted::Time(b)) => a.cmp(b),
        (Value::Time(a), Wanted::Clock(b)) => a.nanos().rem_euclid(DAY).cmp(b),
        _ => return false,
    };
    match sign {
        Sign::Less => order == Ordering::Less,
        Sign::AtMost => order != Ordering::Greater,
        Sign::Greater => order == Ordering::Greater,
        Sign::AtLeast => order != Ordering::Less,
        Sign::Equal | Sign::Unequal | Sign::Like | Sign::Unlike => false,
    }
}

/// Is the pattern found in what records write for the value?
fn like(value: Value<'_>, pattern: &Regex) -> bool {
    let mut text = String::new();
    let written = match value {
        Value::Word(word) | Value::Text(word) => return pattern.is_match(word),
        Value::CommunityId(id) => return pattern.is_match(id.as_str()),
        Value::Words(words) => return words.iter().any(|word| pattern.is_match(word)),
        Value::Texts(texts) => return texts.iter().any(|text| pattern.is_match(text)),
        Value::Objects(objects) => return any_text(objects, |text| pattern.is_match(text)),
        Value::Ip(address) => write!(text, "{address}"),
        Value::Id(id) => write!(text, "{id}"),
        Value::Protocol(protocol) => write!(text, "{protocol}"),
        _ => return false,
    };
    written.is_ok() && pattern.is_match(&text)
}

/// Does this hold for a text of one of them: a name, a host, a method?
fn any_text(objects: Objects<'_>, check: impl Fn(&str) -> bool) -> bool {
    struct Any<F>(F, bool);
    impl<F: Fn(&str) -> bool> ObjectVisitor for Any<F> {
        fn begin(&mut self) {}
        fn member(&mut self, _: &'static str, value: Value<'_>, _: bool) {
            if let Value::Text(text) = value {
                self.1 |= self.0(text);
            }
        }
        fn end(&mut self) {}
    }
    let mut any = Any(check, false);
    objects.visit(&mut any);
    any.1
}
