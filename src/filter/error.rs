//! A filter that cannot be used: what is wrong, where, and what to write instead.
//!
//! Shown with `Display`: a first line that says what is wrong, then the expression and a caret line below it, indented by two
//! blanks. Who shows it puts the program's name in front.

use super::program::ProgramError;
use crate::model::{Excerpt, LinkType, short};
use std::fmt;
use std::ops::Range;

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The expression as it was given; empty for programs.
    pub expression: Box<str>,
    /// What is wrong.
    pub kind: FilterErrorKind,
    /// Which part of the expression, in bytes; empty at its end where something is missing.
    pub span: Option<Range<usize>>,
    /// What to do, to stand behind the caret.
    pub hint: Option<Box<str>>,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterErrorKind {
    /// A word that is not known.
    Unknown {
        /// The word.
        word: String,
        /// What it would have to be: `a known port`, `a word of the filter language`.
        what: &'static str,
    },
    /// A word that is known, but not at this place.
    Unexpected {
        /// The word.
        word: String,
    },
    /// A host or network name: names are not looked up.
    Name {
        /// The name.
        word: String,
    },
    /// Something is missing at the end.
    EndsEarly {
        /// What: `"and" needs something after it`.
        what: String,
    },
    /// A Wireshark display filter.
    Wireshark,
    /// Frames of this link type can never match.
    CannotMatch {
        /// The type.
        link: LinkType,
        /// What such frames lack: `Ethernet addresses`.
        lacks: &'static str,
        /// The words that ask for it.
        word: String,
        /// Where the frames come from, in words: `this file`.
        place: &'static str,
    },
    /// libpcap does not know this link type.
    UnknownLinkType {
        /// The type.
        link: LinkType,
    },
    /// The parts of the expression exclude each other.
    Contradiction,
    /// A number out of its range, an address that is none, a qualifier that does not fit: in libpcap's or our words.
    Refused(String),
    /// The program is built without a compiler for expressions.
    NoCompiler,
    /// A program is damaged.
    Program {
        /// The file it came from.
        name: Box<str>,
        /// What is wrong with it.
        error: ProgramError,
    },
    /// A program asks for something that no frame carries.
    Unavailable {
        /// The file it came from.
        name: Box<str>,
        /// The instruction, from 0.
        instruction: usize,
    },
}

impl FilterError {
    /// An error about part of an expression.
    #[cfg(any(test, feature = "libpcap"))]
    pub(crate) fn at(expression: &str, span: Range<usize>, kind: FilterErrorKind) -> Self {
        Self { expression: expression.into(), kind, span: Some(span), hint: None }
    }

    /// An error about an expression as a whole, or about a program.
    pub(crate) fn about(expression: &str, kind: FilterErrorKind) -> Self {
        Self { expression: expression.into(), kind, span: None, hint: None }
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error for frames that come from elsewhere than a file: `this interface`.
    #[must_use]
    pub fn coming_from(mut self, from: &'static str) -> Self {
        if let FilterErrorKind::CannotMatch { place, .. } = &mut self.kind {
            *place = from;
        }
        self
    }
}

impl FilterErrorKind {
    /// Why packets of a link type were left out, as the end of a sentence about them.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::CannotMatch { lacks, word, .. } => {
                format!("such packets have no {lacks}, so \"{}\" can never match", short(word, 40))
            }
            Self::UnknownLinkType { .. } => "libpcap cannot compile filters for such packets".to_owned(),
            other => {
                let text = other.to_string();
                text.strip_prefix("filter: ").map_or(text.clone(), ToOwned::to_owned)
            }
        }
    }
}

/// A link type behind the words "link type": its description or its bare number.
pub(super) struct Named(pub(super) LinkType);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.description() {
            Some(text) => f.write_str(text),
            None => self.0.0.fmt(f),
        }
    }
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { word, what } => write!(f, "filter: \"{}\" is not {what}", short(word, 40)),
            Self::Unexpected { word } => write!(f, "filter: \"{}\" cannot stand here", short(word, 40)),
            Self::Name { word } => {
                write!(f, "filter: \"{}\" is a name; a filter takes addresses and asks no name server", short(word, 40))
            }
            Self::EndsEarly { what } => write!(f, "filter ends too early: {}", short(what, 120)),
            Self::Wireshark => f.write_str("filter: that is a Wireshark display filter; a capture filter is written differently"),
            Self::CannotMatch { link, lacks, word, place } => {
                let word = short(word, 40);
                write!(f, "filter: {place} has no {lacks} (link type {}), so \"{word}\" can never match", Named(*link))
            }
            Self::UnknownLinkType { link } => {
                write!(f, "filter: libpcap cannot compile filters for link type {}", Named(*link))
            }
            Self::Contradiction => f.write_str("filter: no packet can match; its parts exclude each other"),
            Self::Refused(text) => write!(f, "filter: {}", short(text, 120)),
            Self::NoCompiler => f.write_str("filter: this build cannot compile filters (it lacks the cargo feature \"libpcap\")"),
            Self::Program { name, error } => write!(f, "filter program {name}: {error}"),
            Self::Unavailable { name, instruction } => write!(
                f,
                "filter program {name}: instruction {instruction} asks the kernel for something that captured frames do not carry"
            ),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(span) = &self.span {
            write!(f, "\n{}", Excerpt::new(&self.expression, span))?;
            if let Some(hint) = &self.hint {
                write!(f, "  {hint}")?;
            }
        } else if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_word() {
        let kind = FilterErrorKind::Unknown { word: "htpp".into(), what: "a known port" };
        let error = FilterError::at("tcp port htpp and host 10.0.0.1", 9..13, kind).hint("did you mean http?");
        assert_eq!(
            error.to_string(),
            "filter: \"htpp\" is not a known port\n  tcp port htpp and host 10.0.0.1\n           ^^^^  did you mean http?"
        );
    }

    #[test]
    fn what_is_missing_is_marked_behind_the_end() {
        let kind = FilterErrorKind::EndsEarly { what: "\"and\" needs something after it".into() };
        let error = FilterError::at("tcp port 80 and", 15..15, kind);
        assert_eq!(
            error.to_string(),
            "filter ends too early: \"and\" needs something after it\n  tcp port 80 and\n                 ^"
        );
    }

    #[test]
    fn control_characters_are_not_shown() {
        let error = FilterError::at("tcp\n\x1b[2J", 4..5, FilterErrorKind::Refused("x".into()));
        assert_eq!(error.to_string(), "filter: x\n  tcp  [2J\n      ^");
    }
}
