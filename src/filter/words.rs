//! What can be said against an expression before libpcap sees it: characters and addresses that are none, Wireshark's
//! language, and names that libpcap would ask a name server for.

use super::error::{FilterError, FilterErrorKind};
use super::lex::{self, Kind, Token};
use super::roles::{Role, roles};
use super::suggest;
use super::wireshark::{self, Untranslatable};
use crate::model::short;

/// Most words of an expression. libpcap's time grows with the square of them: 5 s at 1000 hosts.
const MOST_WORDS: usize = 4000;

/// Most words of a filter that is proposed. A longer one is no help, and trying it takes its time.
const MOST_SUGGESTED: usize = 200;

/// Where to read on.
const HELP: &str = "see: sockeye help filters";

/// Looks at the words. `compiles` tells whether a translated filter is one; a suggestion must be right.
pub(super) fn check(expression: &str, tokens: &[Token<'_>], compiles: impl Fn(&str) -> bool) -> Result<(), FilterError> {
    if tokens.len() > MOST_WORDS {
        let text = format!("{} words are too many; compiling more than {MOST_WORDS} takes minutes", tokens.len());
        return Err(FilterError::about(expression, FilterErrorKind::Refused(text))
            .hint("use networks (net 10.0.0.0/8) and port ranges (portrange 1-1023), or several runs"));
    }
    let roles: Vec<Role> = roles(tokens).into_iter().map(|(_, role)| role).collect();
    if let Some(display) = wireshark::recognise(expression, tokens, &roles) {
        return Err(display_filter(expression, display, compiles));
    }
    match (0..tokens.len()).find_map(|at| against(expression, tokens, at, roles[at])) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Would libpcap ask a name server about a word of this text?
pub(super) fn asks_for_names(tokens: &[Token<'_>]) -> bool {
    roles(tokens).iter().any(|(_, role)| matches!(role, Role::Host { .. } | Role::Gateway))
}

fn display_filter(expression: &str, display: wireshark::Display, compiles: impl Fn(&str) -> bool) -> FilterError {
    let error = FilterError::at(expression, display.span, FilterErrorKind::Wireshark);
    let text = match display.translation {
        Ok(text) => text,
        Err(Untranslatable::Syntax) => return error.hint(HELP),
        Err(Untranslatable::Field(field)) => {
            return error.hint(format!("no capture filter can ask for {} like that", short(&field, 40)));
        }
    };
    // Words that are no display filter were taken over as they are: what is wrong with them is wrong here too.
    let tokens = lex::tokens(&text);
    let roles: Vec<Role> = roles(&tokens).into_iter().map(|(_, role)| role).collect();
    match (0..tokens.len()).find_map(|at| against(&text, &tokens, at, roles[at])) {
        Some(FilterError { kind: FilterErrorKind::Name { word }, hint, .. }) => {
            let at = lex::tokens(expression).iter().find(|t| t.text == word).map(Token::span);
            let span = at.or_else(|| error.span.clone());
            FilterError { expression: error.expression, kind: FilterErrorKind::Name { word }, span, hint }
        }
        None if tokens.len() <= MOST_SUGGESTED && compiles(&text) => error.hint(format!("write:  {text}")),
        _ => error.hint(HELP),
    }
}

/// What is wrong with one word, if it can be told from the words alone.
fn against(expression: &str, tokens: &[Token<'_>], at: usize, role: Role) -> Option<FilterError> {
    let token = &tokens[at];
    let word = || token.text.to_owned();
    let error = |kind| FilterError::at(expression, token.span(), kind);
    match (token.kind, role) {
        (Kind::Foreign, _) => {
            let error = error(FilterErrorKind::Unexpected { word: token.text.escape_debug().to_string() });
            Some(match token.text {
                "," => error.hint("write \"or\" between alternatives: port 80 or 443"),
                "\"" | "'" => error.hint("words need no quotes inside a filter"),
                _ => error,
            })
        }
        (Kind::BadAddress, _) => Some(
            error(FilterErrorKind::Refused(format!("\"{}\" is not an address", token.text)))
                .hint("IPv6: 2001:db8::1, Ethernet: 02:00:00:00:00:01"),
        ),
        (_, Role::Stray) => Some(stray(expression, tokens, at)),
        (_, Role::Host { asked: false }) if suggest::keyword(token.text).is_some() => Some(stray(expression, tokens, at)),
        (_, Role::Host { .. }) if token.text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Some(
            error(FilterErrorKind::Refused(format!("\"{}\" is not an address", token.text)))
                .hint("an IPv4 address has four numbers: 192.0.2.1"),
        ),
        (_, Role::Host { .. }) => {
            let error = error(FilterErrorKind::Name { word: word() });
            Some(match token.text {
                "localhost" => error.hint("write 127.0.0.1 or ::1"),
                name => error.hint(format!("write its address; this shows it:  getent ahosts {}", short(name, 80))),
            })
        }
        (_, Role::Gateway) => Some(
            error(FilterErrorKind::Name { word: word() })
                .hint("write:  ether host MAC and not host ADDRESS   with the gateway's two addresses"),
        ),
        _ => None,
    }
}

/// A name where no name can stand: mostly a misspelt word of the language, or a service without `port`.
fn stray(expression: &str, tokens: &[Token<'_>], at: usize) -> FilterError {
    let token = &tokens[at];
    let unknown = FilterErrorKind::Unknown { word: token.text.to_owned(), what: "a word of the filter language" };
    let error = FilterError::at(expression, token.span(), unknown);
    if let Some(port) = suggest::service_port(token.text) {
        return error.hint(format!("did you mean port {port}?"));
    }
    let near = if token.text.contains('-') { suggest::constant(token.text) } else { None };
    match near.or_else(|| suggest::keyword(token.text)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if token.text.contains('.') => error.hint("a host is written: host 192.0.2.1"),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_reaches_the_compiler_by_way_of_a_translation() {
        let compiles = |text: &str| {
            assert!(!text.contains("evil"), "{text}");
            true
        };
        for (expression, marked) in [
            ("tcp.port == 80 and host evil.example.com", "evil.example.com"),
            ("tcp.port == 80 and net evil", "evil"),
            ("host 192.0.2.1 or evil.example and tcp.port == 80", "evil.example"),
            ("tcp.port == 80 || (src evil)", "evil"),
            ("http and gateway evil", "evil"),
        ] {
            let error = check(expression, &lex::tokens(expression), compiles).unwrap_err();
            assert!(matches!(error.kind, FilterErrorKind::Name { .. }), "{error}");
            assert_eq!(&expression[error.span.unwrap()], marked, "{expression}");
        }
        let stray = "tcp.port == 80 and tcp evil";
        let error = check(stray, &lex::tokens(stray), compiles).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some(HELP));
        let many = format!("tcp.port in {{{}}}", (1..2000).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
        let error = check(&many, &lex::tokens(&many), |_| panic!("too long to be tried")).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some(HELP));
    }
}
