//! Words of a display filter.

use std::ops::Range;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
    pub(super) kind: WordKind,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    /// A field, protocol, number, address or range.
    Plain,
    /// A string or regular expression in quotes.
    Quoted,
    /// `==`, `eq` and so on.
    Comparison,
    /// `and`, `&&`.
    And,
    /// `or`, `||`.
    Or,
    /// `not`, `!`.
    Not,
    /// Anything else: brackets, braces, commas.
    Sign,
}

/// Signs of more than one character, longest first.
const SIGNS: [&str; 12] = ["===", "!==", "&&", "||", "==", "!=", "~=", ">=", "<=", "<<", ">>", "^^"];

/// Cuts a display filter into words.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let len = if c == '"' || c == '\'' {
            quoted(rest, c)
        } else if is_word(c) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            SIGNS.iter().find(|s| rest.starts_with(**s)).map_or(c.len_utf8(), |s| s.len())
        };
        let text = &rest[..len];
        words.push(Word { text, span: at..at + len, kind: kind(text, c) });
        at += len;
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '/' | '\\')
}

/// Length of what stands in quotes, the quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn kind(text: &str, first: char) -> WordKind {
    match text {
        "and" | "&&" => WordKind::And,
        "or" | "||" => WordKind::Or,
        "not" | "!" => WordKind::Not,
        "==" | "===" | "!=" | "!==" | "~=" | ">" | "<" | ">=" | "<=" | "=" | "&" | "~" | "eq" | "ne" | "gt" | "lt" | "ge"
        | "le" | "contains" | "matches" | "in" | "bitwise_and" | "any_eq" | "all_eq" | "any_ne" | "all_ne" => {
            WordKind::Comparison
        }
        _ if first == '"' || first == '\'' => WordKind::Quoted,
        _ if is_word(first) => WordKind::Plain,
        _ => WordKind::Sign,
    }
}
