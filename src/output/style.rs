//! How text may look: width, colours, and which characters the reader's terminal has. The command line fills in a
//! [`Style`]; nothing here asks a terminal anything.
//!
//! Two rules: a colour never says what no word or mark says, and text that came out of a capture never reaches the
//! terminal as it is ([`clean`]).

use anstyle::{AnsiColor, Effects};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What the place that will show the text can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Columns to fit into. `None` where nobody reads columns (a pipe, a file): nothing is cut then.
    pub width: Option<usize>,
    /// Escape sequences for colour are welcome.
    pub colour: bool,
    /// Only ASCII: `->` for `→` and the like.
    pub ascii: bool,
}

/// What a piece of text means; one of the terminal's own 16 colours each, so that the reader's theme decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// A heading.
    Heading,
    /// Of less weight than its neighbours.
    Faint,
    /// It failed.
    Bad,
    /// It deserves a look.
    Odd,
}

impl Tone {
    /// The colour or weight of this meaning.
    #[must_use]
    pub const fn ansi(self) -> anstyle::Style {
        match self {
            Self::Plain => anstyle::Style::new(),
            Self::Heading => anstyle::Style::new().effects(Effects::BOLD),
            Self::Faint => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Odd => AnsiColor::Yellow.on_default(),
        }
    }
}

impl Style {
    /// Text in its tone's colour, where colours are on.
    #[must_use]
    pub fn paint<'t>(&self, tone: Tone, text: &'t str) -> Cow<'t, str> {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let style = tone.ansi();
        Cow::Owned(format!("{style}{text}{style:#}"))
    }

    /// Our own text with its arrows and marks, or their ASCII stand-ins.
    #[must_use]
    pub fn glyphs<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut plain = String::with_capacity(text.len());
        for c in text.chars() {
            match stand_in(c) {
                Some(ascii) => plain.push_str(ascii),
                None => plain.push(c),
            }
        }
        Cow::Owned(plain)
    }

    /// Text that came from outside (file names, comments, anything captured) made harmless, see [`clean`]; with
    /// `ascii` everything beyond ASCII is escaped, too.
    #[must_use]
    pub fn foreign<'t>(&self, text: &'t str) -> Cow<'t, str> {
        escape(text, |c| is_dangerous(c) || (self.ascii && !c.is_ascii()))
    }
}

/// What to write for a mark of ours on a terminal that has ASCII only.
const fn stand_in(c: char) -> Option<&'static str> {
    Some(match c {
        '→' => "->",
        '←' => "<-",
        '·' | '├' | '┤' => "|",
        '…' => "...",
        '✗' | '×' => "x",
        '✓' => "+",
        '–' | '─' => "-",
        'µ' => "u",
        '═' => "=",
        '▶' => ">",
        '◀' => "<",
        '“' | '”' => "\"",
        _ => return None,
    })
}

/// Makes text from outside safe to show: control characters (terminal escapes among them) and the characters that
/// reorder or hide text (bidirectional overrides, zero-width characters, tags) become `\x1b` or `\u{202e}`.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    escape(text, is_dangerous)
}

/// Is it printable ASCII, and none of it special? Nearly all text is, and needs no look at its characters one by one.
pub(super) fn is_plain(text: &str, is_special: impl Fn(u8) -> bool) -> bool {
    // Not `all`: without a way out of the loop the compiler looks at 16 bytes at once.
    !text.bytes().fold(false, |odd, b| odd | !(b' '..0x7f).contains(&b) | is_special(b))
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if is_plain(text, |_| false) || !text.contains(&bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if !bad(c) {
            safe.push(c);
        } else if u32::from(c) < 0x100 {
            // A String takes everything.
            let _ = write!(safe, "\\x{:02x}", u32::from(c));
        } else {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        }
    }
    Cow::Owned(safe)
}

/// Can this character move the cursor, change how later text looks, or make text read other than it is?
#[must_use]
pub const fn is_dangerous(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // C0, DEL, C1
        | '\u{ad}' // soft hyphen
        | '\u{61c}' | '\u{200b}'..='\u{200f}' // Arabic letter mark, zero-width, left-to-right and right-to-left marks
        | '\u{2028}'..='\u{202e}' // line and paragraph separator, embeddings and overrides
        | '\u{2060}'..='\u{206f}' // invisible operators, isolates
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' // byte-order mark, interlinear annotations
        | '\u{e0000}'..='\u{e0fff}') // tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_hidden_text_are_shown_as_what_they_are() {
        assert_eq!(clean("a\x1b[31mb"), "a\\x1b[31mb");
        assert_eq!(clean("abc\u{202e}gpj.exe"), "abc\\u{202e}gpj.exe");
        assert_eq!(clean("tab\there\r\n"), "tab\\x09here\\x0d\\x0a");
        assert_eq!(clean("\u{9b}31m"), "\\x9b31m");
        assert!(matches!(clean("Grüße → 東京"), Cow::Borrowed(_)));
    }

    #[test]
    fn ascii_terminals_get_stand_ins_for_marks_and_escapes_for_names() {
        let style = Style { ascii: true, ..Style::default() };
        assert_eq!(style.glyphs("a → b · c … ✗ 1–2"), "a -> b | c ... x 1-2");
        assert_eq!(style.foreign("é.pcap"), "\\xe9.pcap");
        assert_eq!(Style::default().foreign("é.pcap"), "é.pcap");
    }

    #[test]
    fn colour_is_added_only_where_it_is_welcome() {
        let style = Style { colour: true, ..Style::default() };
        assert_eq!(style.paint(Tone::Bad, "refused"), "\x1b[31mrefused\x1b[0m");
        assert_eq!(style.paint(Tone::Plain, "x"), "x");
        assert_eq!(Style::default().paint(Tone::Bad, "refused"), "refused");
    }

    #[test]
    fn every_mark_that_the_state_words_use_has_a_stand_in() {
        let style = Style { ascii: true, ..Style::default() };
        for state in [crate::flow::State::ResetByOriginator, crate::flow::State::ResetByResponder] {
            assert!(style.glyphs(state.word()).is_ascii());
        }
    }
}
