//! Wireshark display filters: known by their look, and said again as capture filters where that can be done.
//!
//! `fields` holds what each field means here; `lex` and `parse` follow wireshark-filter(4). Where there is no capture
//! filter for something (application data, TCP analysis), that is said instead of something near it.

mod fields;
mod lex;
mod parse;

use super::lex::{Kind, Token};
use super::roles::Role;
use std::ops::Range;

/// A display filter, or part of one, in place of a capture filter.
pub(super) struct Display {
    /// What to point at.
    pub(super) span: Range<usize>,
    /// The capture filter that does the same.
    pub(super) translation: Result<String, Untranslatable>,
}

/// Why there is no capture filter for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Untranslatable {
    /// No capture filter can say this.
    Field(String),
    /// Not understood.
    Syntax,
}

/// Looks for a display filter among the words of an expression.
pub(super) fn recognise(expression: &str, tokens: &[Token<'_>], roles: &[Role]) -> Option<Display> {
    let found = (0..tokens.len()).any(|at| is_display(tokens, roles, at));
    if !found {
        return None;
    }
    let start = tokens.first().map_or(0, |t| t.at);
    let span = start..tokens.last().map_or(0, Token::end);
    match parse::translate(expression) {
        Ok(text) => Some(Display { span, translation: Ok(text) }),
        Err((at, why)) => Some(Display { span: at, translation: Err(why) }),
    }
}

/// Is this word one that only a display filter has?
fn is_display(tokens: &[Token<'_>], roles: &[Role], at: usize) -> bool {
    let token = &tokens[at];
    if token.kind != Kind::Name || roles[at] == Role::None {
        return false;
    }
    let before = at.checked_sub(1).map(|b| &tokens[b]);
    let joint = before.is_none_or(|b| matches!(b.kind, Kind::Logic(_)) || b.is("("));
    match token.text.split_once('.') {
        // `host http.example` is a host.
        Some((protocol, field)) => joint && fields::is_protocol(protocol) && field.starts_with(|c: char| c.is_ascii_alphabetic()),
        // `port 80 or http` is a service.
        None if joint => fields::protocol(token.text).is_some() && matches!(roles[at], Role::Stray | Role::Host { asked: false }),
        None => matches!(token.text, "contains" | "matches") && roles[at] == Role::Stray,
    }
}
