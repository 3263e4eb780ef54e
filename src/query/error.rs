//! A condition that cannot be used: what is wrong, with which word, and what to write instead.

use crate::model::Excerpt;
use std::fmt;
use std::ops::Range;

/// What is wrong with a condition. Shown with `Display`: what is wrong, the expression, and a caret line below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The expression as it was given.
    pub expression: Box<str>,
    /// Which part of it, in bytes; empty at its end where something is missing.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: Box<str>,
    /// What to do, to stand behind the caret.
    pub hint: Option<Box<str>>,
}

/// The same before the expression is put to it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn at(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a hint where there is one.
    pub(super) fn perhaps(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(super) fn of(self, expression: &str) -> QueryError {
        let hint = self.hint.map(String::into_boxed_str);
        QueryError { expression: expression.into(), span: self.span, what: self.what.into(), hint }
    }
}

impl std::error::Error for QueryError {}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "where: {}\n{}", self.what, Excerpt::new(&self.expression, &self.span))?;
        match &self.hint {
            Some(hint) => write!(f, "  {hint}"),
            None => Ok(()),
        }
    }
}

/// The nearest of some words, if it is near: one slip in short words, two in longer ones.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = match lower.chars().count() {
        0 | 1 => return None,
        2 | 3 => 1,
        _ => 2,
    };
    let near = known.map(|k| (strsim::damerau_levenshtein(&lower, k), k));
    let near = near.filter(|(distance, k)| *distance <= allowed && *distance < k.len());
    // Of words equally near, one that goes on as this began.
    near.min_by_key(|(distance, k)| (*distance, !k.starts_with(&lower))).map(|(_, k)| k)
}
