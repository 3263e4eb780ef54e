//! What a condition asks of the findings that a conversation takes part in: any, one of some codes, one as grave as that.

use super::lex::Sign;
use super::value::plain;
use crate::detect::{Finding, Severity};
use regex::Regex;

/// Most comparisons of one condition that ask for findings: of each conversation it is kept how the condition comes out for each of
/// their combinations.
pub(super) const MOST: usize = 4;

/// Words of conditions that ask for findings, and whether for their severity.
pub(super) const WORDS: &[(&str, bool)] =
    &[("finding", false), ("finding.code", false), ("finding.severity", true), ("severity", true), ("sev", true)];

/// One comparison.
#[derive(Clone, Debug)]
pub(super) enum FindingTest {
    /// It takes part in a finding at all.
    Any,
    /// In one of these codes.
    OneOf(Vec<String>),
    /// In one whose code has this pattern.
    Like(Regex),
    /// In one whose severity stands so to this one.
    Grave(Sign, Severity),
}

impl FindingTest {
    pub(super) fn holds(&self, finding: &Finding) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(codes) => codes.iter().any(|code| code == finding.cause.code()),
            Self::Like(pattern) => pattern.is_match(finding.cause.code()),
            Self::Grave(sign, severity) => {
                let order = finding.severity.cmp(severity);
                match sign {
                    Sign::Equal => order.is_eq(),
                    Sign::Unequal => order.is_ne(),
                    Sign::Less => order.is_lt(),
                    Sign::AtMost => order.is_le(),
                    Sign::Greater => order.is_gt(),
                    Sign::AtLeast => order.is_ge(),
                    Sign::Like | Sign::Unlike => false,
                }
            }
        }
    }
}

/// The severity of that word.
pub(super) fn severity(word: &str) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| severity.key() == plain(word))
}
