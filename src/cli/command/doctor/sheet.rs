//! The paper the doctor writes on: a line for each check under short headings, as they are made; at the end what mends what failed.

use crate::cli::errors::Problem;
use crate::cli::manual;
use sockeye::output::Style;
use sockeye::output::style::Tone;

/// Columns of a check's name.
const NAME: usize = 14;
/// Columns before what is said of a check: margin, mark, word, name.
const BEFORE: usize = 2 + 2 + 9 + NAME + 2;
/// Narrower text is not worth wrapping.
const LEAST: usize = 24;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Ok,
    Failed,
    /// It works, and less well than it could.
    Limited,
    /// Worth knowing.
    Note,
}

impl Mark {
    const fn glyph(self, ascii: bool) -> &'static str {
        match (self, ascii) {
            (Self::Ok, false) => "✓",
            (Self::Ok, true) => "+",
            (Self::Failed, false) => "✗",
            (Self::Failed, true) => "x",
            (Self::Limited, _) => "!",
            (Self::Note, false) => "·",
            (Self::Note, true) => "-",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::Note => "note",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Plain,
            Self::Failed => Tone::Bad,
            Self::Limited => Tone::Odd,
            Self::Note => Tone::Faint,
        }
    }
}

/// What was found, and what is to be done about it.
pub(super) struct Sheet {
    style: Style,
    began: bool,
    /// What it mends, and the command.
    mends: Vec<(String, String)>,
}

impl Sheet {
    pub(super) const fn new(style: Style) -> Self {
        Self { style, began: false, mends: Vec::new() }
    }

    pub(super) const fn style(&self) -> Style {
        self.style
    }

    /// A group of checks begins.
    pub(super) fn heading(&mut self, text: &str) -> Result<(), Problem> {
        let gap = if std::mem::replace(&mut self.began, true) { "\n" } else { "" };
        manual::print(&format!("{gap}{}\n", self.style.paint(Tone::Heading, text)))
    }

    /// A check, and what it found.
    pub(super) fn line(&self, mark: Mark, name: &str, text: &str) -> Result<(), Problem> {
        let glyph = self.style.paint(mark.tone(), mark.glyph(self.style.ascii));
        let word = self.style.paint(mark.tone(), mark.word());
        let gap = " ".repeat(9 - mark.word().len());
        let text = self.style.glyphs(text);
        let text = match self.style.width {
            Some(width) if width >= BEFORE + LEAST => wrapped(&text, width - BEFORE),
            _ => text.into_owned(),
        };
        manual::print(format!("  {glyph} {word}{gap}{name:<NAME$}  {text}").trim_end()).and_then(|()| manual::print("\n"))
    }

    /// What mends a failure: one command, to be told at the end. Each command once.
    pub(super) fn mend(&mut self, what: &str, command: impl Into<String>) {
        let command = command.into();
        match self.mends.iter_mut().find(|(_, known)| *known == command) {
            Some((whats, _)) if !whats.split(", ").any(|known| known == what) => {
                whats.push_str(", ");
                whats.push_str(what);
            }
            Some(_) => {}
            None => self.mends.push((what.to_owned(), command)),
        }
    }

    /// The verdict, and the commands to copy.
    pub(super) fn end(self, verdict: &str) -> Result<(), Problem> {
        manual::print(&format!("\n{}\n", self.style.paint(Tone::Heading, &self.style.glyphs(verdict))))?;
        for (what, command) in &self.mends {
            manual::print(&format!("  {}:\n      {command}\n", self.style.glyphs(what)))?;
        }
        Ok(())
    }
}

/// Lines of at most `room` characters, broken at blanks, all but the first below where the first begins.
fn wrapped(text: &str, room: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = lines.last().is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{:BEFORE$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_goes_on_below_itself() {
        let gap = " ".repeat(BEFORE);
        assert_eq!(wrapped("one two three", 7), format!("one two\n{gap}three"));
        assert_eq!(wrapped("a-word-too-long b", 5), format!("a-word-too-long\n{gap}b"));
        assert_eq!(wrapped("fits", 5), "fits");
    }

    #[test]
    fn a_command_is_told_once_with_all_that_it_mends() {
        let mut sheet = Sheet::new(Style::default());
        sheet.mend("lo", "ip link set lo up");
        sheet.mend("ring", "ip link set lo up");
        sheet.mend("lo", "ip link set lo up");
        sheet.mend("eth0", "ethtool");
        let expected = [("lo, ring", "ip link set lo up"), ("eth0", "ethtool")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(sheet.mends, expected);
    }

    #[test]
    fn marks_have_ascii_forms() {
        for mark in [Mark::Ok, Mark::Failed, Mark::Limited, Mark::Note] {
            assert!(mark.glyph(true).is_ascii() && mark.word().len() < 9);
        }
    }
}
