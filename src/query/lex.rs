//! Words and signs of a condition, each with its place. What stands behind `~` is a pattern and is cut otherwise: [`Lexer::pattern`].

use super::error::Fault;
use std::borrow::Cow;
use std::ops::Range;

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A word, a number, an address.
    Word(&'a str),
    /// Text in quotes, without them.
    Quoted(Cow<'a, str>),
    /// A sign of comparison.
    Sign(Sign),
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    End,
}

/// Signs of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// `~`: a pattern is found in it.
    Like,
    /// `!~`: it is not.
    Unlike,
}

impl Sign {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Like => "~",
            Self::Unlike => "!~",
        }
    }
}

/// Signs as they are written, longer ones first.
const SIGNS: &[(&str, Piece<'static>)] = &[
    ("===", Piece::Sign(Sign::Equal)),
    ("==", Piece::Sign(Sign::Equal)),
    ("=~", Piece::Sign(Sign::Like)),
    ("!=", Piece::Sign(Sign::Unequal)),
    ("!~", Piece::Sign(Sign::Unlike)),
    ("<=", Piece::Sign(Sign::AtMost)),
    (">=", Piece::Sign(Sign::AtLeast)),
    ("&&", Piece::And),
    ("||", Piece::Or),
    ("=", Piece::Sign(Sign::Equal)),
    ("<", Piece::Sign(Sign::Less)),
    (">", Piece::Sign(Sign::Greater)),
    ("~", Piece::Sign(Sign::Like)),
    ("!", Piece::Not),
    ("(", Piece::Open),
    (")", Piece::Close),
    (",", Piece::Comma),
];

/// Cuts an expression.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, length: usize) -> (&'a str, Range<usize>) {
        let span = self.at..self.at + length;
        self.at = span.end;
        (&self.text[span.clone()], span)
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<(Piece<'a>, Range<usize>), Fault> {
        self.skip_blanks();
        let rest = self.rest();
        if rest.is_empty() {
            return Ok((Piece::End, self.at..self.at));
        }
        if let Some((sign, piece)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            let (_, span) = self.take(sign.len());
            return Ok((piece.clone(), span));
        }
        if rest.starts_with(['"', '\'']) {
            return self.quoted();
        }
        if rest.starts_with(['&', '|']) {
            let (sign, span) = self.take(1);
            let word = if sign == "&" { "and" } else { "or" };
            return Err(Fault::at(span, format!("\"{sign}\" means nothing here")).hint(format!("write: {word}")));
        }
        let end = rest.find(|c: char| c.is_whitespace() || "()=!<>~,&|\"'".contains(c)).unwrap_or(rest.len());
        let (word, span) = self.take(end);
        let piece = match word.to_ascii_lowercase().as_str() {
            "and" => Piece::And,
            "or" => Piece::Or,
            "not" => Piece::Not,
            _ => Piece::Word(word),
        };
        Ok((piece, span))
    }

    /// Text in quotes; a backslash takes the meaning from a quote or a backslash.
    fn quoted(&mut self) -> Result<(Piece<'a>, Range<usize>), Fault> {
        let rest = self.rest();
        let quote = rest.as_bytes()[0];
        let mut escaped = false;
        let mut escapes = false;
        for (at, byte) in rest.bytes().enumerate().skip(1) {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                (escaped, escapes) = (true, true);
            } else if byte == quote {
                let (text, span) = self.take(at + 1);
                let inside = &text[1..at];
                let text = if escapes { Cow::Owned(unescaped(inside, char::from(quote))) } else { Cow::Borrowed(inside) };
                return Ok((Piece::Quoted(text), span));
            }
        }
        Err(Fault::at(self.at..self.text.len(), "a quote is opened and never closed"))
    }

    /// What stands behind `~`: text in quotes, or all up to a blank or a closing parenthesis that is not the pattern's own.
    pub(super) fn pattern(&mut self) -> Result<(Cow<'a, str>, Range<usize>), Fault> {
        self.skip_blanks();
        let rest = self.rest();
        if rest.starts_with(['"', '\'']) {
            let start = self.at;
            return match self.quoted()? {
                // A backslash has its meaning in a pattern, too: only quotes lose theirs.
                (Piece::Quoted(_), span) => {
                    let quote = &rest[..1];
                    let inside = &self.text[span.start + 1..span.end - 1];
                    Ok((inside.replace(&format!("\\{quote}"), quote).into(), start..span.end))
                }
                (_, span) => Err(Fault::at(span, "a pattern is missing")),
            };
        }
        let (mut depth, mut escaped, mut class) = (0u32, false, false);
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            if std::mem::take(&mut escaped) {
                continue;
            }
            match c {
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '(' if !class => depth += 1,
                ')' if !class && depth == 0 => {
                    end = at;
                    break;
                }
                ')' if !class => depth -= 1,
                c if c.is_whitespace() => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (text, span) = self.take(end);
        Ok((Cow::Borrowed(text), span))
    }
}

fn unescaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(&next) if c == '\\' && (next == quote || next == '\\') => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Piece<'_>> {
        let mut lexer = Lexer::new(text);
        let mut all = Vec::new();
        loop {
            match lexer.next().unwrap().0 {
                Piece::End => return all,
                piece => all.push(piece),
            }
        }
    }

    #[test]
    fn words_signs_and_quotes() {
        let word = Piece::Word;
        assert_eq!(pieces("rtt>100ms"), [word("rtt"), Piece::Sign(Sign::Greater), word("100ms")]);
        assert_eq!(pieces("host 2001:db8::/32"), [word("host"), word("2001:db8::/32")]);
        assert_eq!(pieces("port 80,443"), [word("port"), word("80"), Piece::Comma, word("443")]);
        assert_eq!(
            pieces("!(a AND b)||c"),
            [Piece::Not, Piece::Open, word("a"), Piece::And, word("b"), Piece::Close, Piece::Or, word("c")]
        );
        assert_eq!(pieces(r#"state "no answer""#), [word("state"), Piece::Quoted("no answer".into())]);
        assert_eq!(pieces(r#"x = "a\"b\\c""#)[2], Piece::Quoted(r#"a"b\c"#.into()));
    }

    #[test]
    fn patterns_end_at_blanks_and_foreign_parentheses() {
        for (text, pattern, rest) in [
            (r" a(b|c)\.d) and x", r"a(b|c)\.d", ") and x"),
            (r"[)(]+ or y", "[)(]+", " or y"),
            (r#""a b\"c\d" z"#, r#"a b"c\d"#, " z"),
            ("", "", ""),
        ] {
            let mut lexer = Lexer::new(text);
            assert_eq!(lexer.pattern().unwrap().0, pattern);
            assert_eq!(lexer.rest(), rest);
        }
    }

    #[test]
    fn open_quotes_and_single_signs_are_faults() {
        assert_eq!(Lexer::new(" \"abc").next().unwrap_err().span, 1..5);
        assert_eq!(Lexer::new("& b").next().unwrap_err().hint.as_deref(), Some("write: and"));
    }
}
