//! A part of an expression that a message points at: the expression, cut where it is long, and carets below the part.

use std::fmt;
use std::ops::Range;

/// Columns of an expression shown at most; of a longer one, the part around the fault.
const SHOWN: usize = 100;

/// Two lines, each two columns in: the expression, and carets below a part of it. What is shown has no control characters.
#[derive(Clone, Debug)]
pub struct Excerpt {
    text: String,
    column: usize,
    width: usize,
}

impl Excerpt {
    /// Of an expression and a part of it, in bytes; an empty part gets one caret.
    #[must_use]
    pub fn new(expression: &str, span: &Range<usize>) -> Self {
        let count = |bytes: Range<usize>| expression.get(bytes).map_or(0, |s| s.chars().count());
        let start = count(0..span.start.min(expression.len()));
        let width = count(span.start..span.end.min(expression.len())).clamp(1, SHOWN);
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let all = expression.chars().count();
        if all <= SHOWN {
            return Self { text: expression.chars().map(printable).collect(), column: start, width };
        }
        let from = start.saturating_sub((SHOWN - width) / 2);
        let to = (from + SHOWN).min(all);
        let (before, behind) = (if from > 0 { "…" } else { "" }, if to < all { "…" } else { "" });
        let middle: String = expression.chars().skip(from).take(to - from).map(printable).collect();
        Self { text: format!("{before}{middle}{behind}"), column: start - from + before.chars().count(), width }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}\n  {:column$}{:^<width$}", self.text, "", "", column = self.column, width = self.width)
    }
}

/// The beginning of a text, fit for a line of a message: at most so many characters, none of them a control character.
#[must_use]
pub fn short(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_expression_the_part_around_the_fault_is_shown() {
        let expression = format!("{}härr{}", "host 10.0.0.1 or ".repeat(30), " or tcp".repeat(30));
        let at = expression.find("härr").unwrap();
        let text = Excerpt::new(&expression, &(at..at + 5)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|l| l.chars().count() <= 2 + SHOWN + 2), "{text}");
        let column = lines[1].find('^').unwrap();
        assert_eq!(lines[0].chars().skip(column).take(4).collect::<String>(), "härr");
        assert_eq!(lines[1].trim(), "^^^^");
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(Excerpt::new("tcp\n\x1b[2J", &(4..5)).to_string(), "  tcp  [2J\n      ^");
        assert_eq!(short("a\nb", 9), "a b");
        assert_eq!(short("abc", 2), "ab…");
    }
}
