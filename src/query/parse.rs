//! Words to a condition: `or` binds least, then `and`, then `not`; a comparison is a field, a sign and a value, or a field and a value.

use super::Node;
use super::error::{Fault, QueryError, nearest};
use super::finding::{self, FindingTest, severity};
use super::lex::{Lexer, Piece, Sign};
use super::subject::Subject;
use super::test::{Check, Test};
use super::value::{Wanted, plain, read};
use crate::detect::Cause;
use crate::flow::fields::Kind;
use crate::model::short;
use regex::RegexBuilder;
use std::ops::Range;

/// Parentheses in parentheses, and `not not not`, at most.
const DEPTH: usize = 64;

/// Bytes of an expression at most.
const LONGEST: usize = 64 << 10;

/// Bytes that a pattern may take when it is made ready.
const PATTERN: usize = 1 << 20;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<FindingTest>), QueryError> {
    if text.len() > LONGEST {
        return Err(
            Fault::at(LONGEST..LONGEST, "the condition is longer than 64 KiB").of(&text.chars().take(200).collect::<String>())
        );
    }
    let mut parser = Parser { lexer: Lexer::new(text), ahead: None, depth: 0, findings: Vec::new() };
    let root = parser.whole().map_err(|fault| fault.of(text))?;
    Ok((root, parser.findings))
}

type Spanned<'a> = (Piece<'a>, Range<usize>);

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// A piece that was looked at and not taken.
    ahead: Option<Spanned<'a>>,
    depth: usize,
    /// What was asked of findings so far.
    findings: Vec<FindingTest>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<Spanned<'a>, Fault> {
        self.ahead.take().map_or_else(|| self.lexer.next(), Ok)
    }

    fn peek(&mut self) -> Result<&Spanned<'a>, Fault> {
        let next = self.next()?;
        Ok(self.ahead.insert(next))
    }

    /// Takes the next piece if it is this one.
    fn takes(&mut self, piece: &Piece<'_>) -> Result<bool, Fault> {
        let is = self.peek()?.0 == *piece;
        if is {
            self.ahead = None;
        }
        Ok(is)
    }

    fn whole(&mut self) -> Result<Node, Fault> {
        if let (Piece::End, span) = self.peek()? {
            return Err(Fault::at(span.clone(), "the condition is empty").hint("write, say: state refused and port 443"));
        }
        let node = self.any()?;
        match self.next()? {
            (Piece::End, _) => Ok(node),
            (Piece::Close, span) => Err(Fault::at(span, "a parenthesis is closed that was never opened")),
            (Piece::Comma, span) => Err(Fault::at(span, "a list of values stands behind its field").hint("as in: port 80,443")),
            (_, span) => {
                Err(Fault::at(span, "two conditions need a word between them").hint("write \"and\" or \"or\" before this"))
            }
        }
    }

    fn any(&mut self) -> Result<Node, Fault> {
        let mut parts = vec![self.all()?];
        while self.takes(&Piece::Or)? {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Node::Any(parts) })
    }

    fn all(&mut self) -> Result<Node, Fault> {
        let mut parts = vec![self.one()?];
        while self.takes(&Piece::And)? {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Node::All(parts) })
    }

    fn one(&mut self) -> Result<Node, Fault> {
        let (piece, span) = self.next()?;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::at(span, format!("more than {DEPTH} conditions in one another")));
        }
        let node = match piece {
            Piece::Not => Node::Not(Box::new(self.one()?)),
            Piece::Open => {
                let inside = self.any()?;
                match self.next()? {
                    (Piece::Close, _) => inside,
                    (Piece::End, _) => return Err(Fault::at(span, "this parenthesis is never closed")),
                    (_, span) => {
                        return Err(Fault::at(span, "two conditions need a word between them")
                            .hint("write \"and\" or \"or\" before this"));
                    }
                }
            }
            Piece::Word(word) if finding_word(word).is_some() => self.finding(word, &span)?,
            Piece::Word(word) => Node::Test(self.comparison(word, &span)?),
            Piece::End => return Err(Fault::at(span, "the condition ends too early: a comparison is missing")),
            Piece::Quoted(_) => {
                return Err(
                    Fault::at(span, "a comparison begins with a field, not with a value").hint("as in: state \"no answer\"")
                );
            }
            Piece::And | Piece::Or | Piece::Sign(_) | Piece::Close | Piece::Comma => {
                return Err(Fault::at(span, "a comparison is missing before this"));
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    /// What follows a field.
    fn comparison(&mut self, word: &str, span: &Range<usize>) -> Result<Test, Fault> {
        let next = self.peek()?.0.clone();
        if let (false, Some(protocol)) = (matches!(next, Piece::Sign(_)), Subject::protocol(word)) {
            let subject = Subject::of("proto", span)?;
            return Ok(Test { subject, check: Check::OneOf(vec![Wanted::Protocol(protocol)]) });
        }
        let subject = Subject::of(word, span)?;
        let check = match next {
            Piece::Sign(sign) => {
                self.ahead = None;
                self.signed(subject, word, span, sign)?
            }
            Piece::Word(_) | Piece::Quoted(_) => Check::OneOf(self.values(subject, "=")?),
            _ => Check::Known,
        };
        Ok(Test { subject, check })
    }

    /// What follows a word for findings.
    fn finding(&mut self, word: &str, span: &Range<usize>) -> Result<Node, Fault> {
        let sign = match self.peek()?.0.clone() {
            Piece::Sign(sign) => {
                self.ahead = None;
                Some(sign)
            }
            Piece::Word(_) | Piece::Quoted(_) => Some(Sign::Equal),
            _ => None,
        };
        if finding_word(word) == Some(true) {
            let Some(sign) = sign else {
                return Err(Fault::at(span.clone(), "a severity is missing behind this").hint("as in: severity>=medium"));
            };
            if matches!(sign, Sign::Like | Sign::Unlike) {
                return Err(Fault::at(span.clone(), "severities are low, medium, high").hint("compare it by = != < <= > >="));
            }
            let (text, at) = self.value(sign.text())?;
            let Some(severity) = severity(&text) else {
                return Err(Fault::at(at, format!("\"{}\" is no severity", short(&text, 40))).hint("one of: low, medium, high"));
            };
            return self.ask(FindingTest::Grave(sign, severity), span);
        }
        let unequal = |parser: &mut Self, test| {
            let any = parser.ask(FindingTest::Any, span)?;
            Ok(Node::All(vec![any, Node::Not(Box::new(parser.ask(test, span)?))]))
        };
        match sign {
            None => self.ask(FindingTest::Any, span),
            Some(sign @ (Sign::Equal | Sign::Unequal)) => {
                let test = FindingTest::OneOf(self.codes(sign)?);
                if sign == Sign::Equal { self.ask(test, span) } else { unequal(self, test) }
            }
            Some(sign @ (Sign::Like | Sign::Unlike)) => {
                let test = FindingTest::Like(self.pattern(sign)?);
                if sign == Sign::Like { self.ask(test, span) } else { unequal(self, test) }
            }
            Some(sign) => {
                let what = format!("\"{}\" compares numbers and times; \"{}\" is none", sign.text(), short(word, 40));
                Err(Fault::at(span.clone(), what).hint("compare it by = != or ~; as in: severity>=medium"))
            }
        }
    }

    fn ask(&mut self, test: FindingTest, span: &Range<usize>) -> Result<Node, Fault> {
        if self.findings.len() >= finding::MOST {
            return Err(Fault::at(span.clone(), format!("more than {} comparisons ask for findings", finding::MOST))
                .hint("several codes stand behind one: finding=reset,refused"));
        }
        self.findings.push(test);
        Ok(Node::Finding(self.findings.len() - 1))
    }

    /// Codes of findings with commas between them.
    fn codes(&mut self, sign: Sign) -> Result<Vec<String>, Fault> {
        let mut codes = Vec::new();
        loop {
            let (text, span) = self.value(sign.text())?;
            let code = plain(&text);
            if !Cause::CODES.contains(&&*code) {
                let near = nearest(&code, Cause::CODES.iter().copied());
                let hint =
                    near.map_or_else(|| format!("one of: {}", Cause::CODES.join(", ")), |near| format!("did you mean {near}?"));
                return Err(Fault::at(span, format!("\"{}\" is no code of a finding", short(&text, 40))).hint(hint));
            }
            codes.push(code);
            if !self.takes(&Piece::Comma)? {
                return Ok(codes);
            }
        }
    }

    fn signed(&mut self, subject: Subject, word: &str, span: &Range<usize>, sign: Sign) -> Result<Check, Fault> {
        match sign {
            Sign::Equal => self.values(subject, sign.text()).map(Check::OneOf),
            Sign::Unequal => self.values(subject, sign.text()).map(Check::NoneOf),
            Sign::Like | Sign::Unlike => {
                if matches!(subject.kind(), Kind::Number | Kind::Numbers | Kind::Span | Kind::Time | Kind::Bool) {
                    let what =
                        format!("\"{}\" finds patterns in words and addresses; \"{}\" is none", sign.text(), short(word, 40));
                    return Err(Fault::at(span.clone(), what).hint("compare it by = != < <= > >="));
                }
                let pattern = self.pattern(sign)?;
                Ok(if sign == Sign::Like { Check::Like(pattern) } else { Check::Unlike(pattern) })
            }
            Sign::Less | Sign::AtMost | Sign::Greater | Sign::AtLeast => {
                if !matches!(subject.kind(), Kind::Number | Kind::Numbers | Kind::Span | Kind::Time) {
                    let what = format!("\"{}\" compares numbers and times; \"{}\" is none", sign.text(), short(word, 40));
                    return Err(Fault::at(span.clone(), what).hint("compare it by = != or ~"));
                }
                let (text, at) = self.value(sign.text())?;
                let wanted = read(subject, &text, &at)?;
                if let Wanted::Number(from, to) = wanted
                    && from != to
                {
                    return Err(Fault::at(at, "a range has no place here").hint("write one number, or = before the range"));
                }
                Ok(Check::Order(sign, wanted))
            }
        }
    }

    /// Values with commas between them.
    fn values(&mut self, subject: Subject, sign: &str) -> Result<Vec<Wanted>, Fault> {
        let mut values = Vec::new();
        loop {
            let (text, span) = self.value(sign)?;
            values.push(read(subject, &text, &span)?);
            if !self.takes(&Piece::Comma)? {
                return Ok(values);
            }
        }
    }

    fn value(&mut self, sign: &str) -> Result<(String, Range<usize>), Fault> {
        match self.next()? {
            (Piece::Word(text), span) => Ok((text.to_owned(), span)),
            (Piece::Quoted(text), span) => Ok((text.into_owned(), span)),
            (_, span) => Err(Fault::at(span, format!("\"{sign}\" needs a value behind it"))),
        }
    }

    fn pattern(&mut self, sign: Sign) -> Result<regex::Regex, Fault> {
        let (text, span) = self.lexer.pattern()?;
        if text.is_empty() {
            return Err(Fault::at(span, format!("\"{}\" needs a pattern behind it", sign.text())));
        }
        let built = RegexBuilder::new(&text).size_limit(PATTERN).build();
        built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::at(span, "the pattern is too big"),
            error => {
                // The library's last line says what is wrong; those before it draw what we draw.
                let text = error.to_string();
                let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Fault::at(span, format!("the pattern cannot be read: {}", short(&why, 120)))
            }
        })
    }
}

/// Does a word ask for findings? For their severity?
fn finding_word(word: &str) -> Option<bool> {
    finding::WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, severity)| *severity)
}
