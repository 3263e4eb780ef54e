//! Finds the word at which libpcap stopped, for its "syntax error" names none.
//!
//! The beginning of an expression is possible when some ending completes it. The words are taken from the front: the first one
//! after which no ending helps is the one that cannot stand there. If all words pass, the expression ends too early.

use super::lex::Token;

/// Where the grammar is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// At this word.
    Word(usize),
    /// Behind the last word: something has to follow.
    Unfinished,
    /// Behind the last word: only brackets have to be closed. The index is that of the outermost open one.
    Unclosed(usize),
}

/// Complaints of libpcap that mean that the grammar does not allow a text.
pub(super) fn is_syntax(complaint: &str) -> bool {
    complaint.contains("syntax error")
}

/// Finds the broken place of an expression that libpcap does not parse. `complaint` asks libpcap about a text.
pub(super) fn locate(expression: &str, tokens: &[Token<'_>], complaint: impl Fn(&str) -> Option<String>) -> Broken {
    let possible = |text: &str| complaint(text).is_none_or(|c| !is_syntax(&c));
    // Searched by halves: beginnings of possible beginnings are possible.
    let (mut good, mut bad) = (0, tokens.len() + 1);
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        if can_go_on(expression, &tokens[..middle], &possible) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    if good < tokens.len() {
        return Broken::Word(good);
    }
    let open = open_brackets(tokens);
    match open.first() {
        Some((at, _)) if completes(expression, &closers(&open), &possible) => Broken::Unclosed(*at),
        _ => Broken::Unfinished,
    }
}

/// Words that complete a beginning, one for each thing the grammar can want next.
const ENDINGS: [&str; 22] = [
    "",
    "1",
    "tcp",
    "1.2.3.4",
    "1-2",
    "0 = 0",
    "host 1.2.3.4",
    "dst 1.2.3.4",
    "port 1",
    "1:2:3:4:5:6",
    "::1",
    "[0]",
    "255.0.0.0",
    "broadcast",
    "mgt",
    "beacon",
    "nods",
    "pass",
    "match",
    "i",
    r"\tcp",
    "proto 1",
];

/// Does any ending complete these words?
fn can_go_on(expression: &str, tokens: &[Token<'_>], possible: &impl Fn(&str) -> bool) -> bool {
    let Some(last) = tokens.last() else { return true };
    let open = open_brackets(tokens);
    let closers = closers(&open);
    let begin = &expression[..last.end()];
    ENDINGS.iter().any(|ending| completes(&format!("{begin} {ending}"), &closers, possible))
}

/// Is a text possible with its brackets closed, and a comparison where one is wanted: behind the brackets of its operands,
/// in front of those around it?
fn completes(text: &str, closers: &[&str], possible: &impl Fn(&str) -> bool) -> bool {
    let places = closers.len().min(8);
    possible(&format!("{text}{}", closers.concat()))
        || (0..=places).any(|at| possible(&format!("{text}{} = 0{}", closers[..at].concat(), closers[at..].concat())))
}

/// Brackets that are open at the end, outermost first: which word, and which bracket.
fn open_brackets<'a>(tokens: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" => open.push((at, token.text)),
            ")" | "]" => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// What closes them, innermost first.
fn closers(open: &[(usize, &str)]) -> Vec<&'static str> {
    open.iter().rev().map(|(_, bracket)| if *bracket == "(" { ")" } else { "]" }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::compile::Compiler;
    use super::super::lex::tokens;
    use super::*;
    use crate::model::LinkType;

    fn found(expression: &str) -> String {
        let compiler = Compiler::new(LinkType::ETHERNET).unwrap();
        assert!(compiler.complaint(expression).is_some_and(|c| is_syntax(&c)), "{expression} is no syntax error");
        let tokens = tokens(expression);
        match locate(expression, &tokens, |text| compiler.complaint(text)) {
            Broken::Word(at) => format!("{}: {}", at, tokens[at].text),
            Broken::Unfinished => "unfinished".to_owned(),
            Broken::Unclosed(at) => format!("unclosed {at}"),
        }
    }

    #[test]
    fn the_word_that_cannot_stand_there() {
        for (expression, word) in [
            ("port 80 443", "2: 443"),
            ("host 1.2.3.4 port 80", "2: port"),
            ("tcp port 80 udp", "3: udp"),
            ("src dst 1.2.3.4", "1: dst"),
            ("tcp src dst port 80", "2: dst"),
            ("tcp port 80)", "3: )"),
            ("and tcp", "0: and"),
            ("tcp and or udp", "2: or"),
            ("tcp port and 80", "2: and"),
            ("tcp == 80", "1: =="),
            ("port = 80", "1: ="),
            ("ip proto tcp", "2: tcp"),
            ("tcp[13", "unclosed 1"),
            ("tcp[] = 1", "2: ]"),
            ("tcp[13:] = 1", "4: ]"),
            ("tcp[13] = = 1", "5: ="),
            ("tcp[13] & = 1", "5: ="),
            ("tcp[13] = 1 2", "6: 2"),
            ("ip[2:2] > 5 <", "8: <"),
            ("net 10.0.0.0 mask tcp", "3: tcp"),
            ("net 10.0.0.0/tcp", "3: tcp"),
            ("len >", "unfinished"),
            ("len", "unfinished"),
            ("tcp[13]", "unfinished"),
            ("tcp port 80 and", "unfinished"),
            ("tcp port", "unfinished"),
            ("portrange 1-", "2: -"),
            ("not", "unfinished"),
            ("(tcp port 80", "unclosed 0"),
            ("((tcp or udp) and (port 80 or port 81)", "unclosed 0"),
            ("tcp and (port 80 or", "unfinished"),
            ("(tcp[((tcp[12] >> 4) * 4) = 5)", "15: ="),
            ("tcp[((tcp[12] >> 4) * ) ] = 5", "12: )"),
            ("ether host", "unfinished"),
            ("vlan 5 6", "2: 6"),
            ("tcp port 80 : 81", "3: :"),
            ("not not and tcp", "2: and"),
            ("()", "1: )"),
        ] {
            let found = found(expression);
            assert!(found == word, "{expression}: found {found}, not {word}");
        }
    }

    #[test]
    fn a_long_expression_is_searched_by_halves() {
        let expression = format!("{}port 80 443{}", "host 10.0.0.1 or ".repeat(200), " or udp".repeat(200));
        assert_eq!(found(&expression), "602: 443");
    }
}
