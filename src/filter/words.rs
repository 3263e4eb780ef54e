//! What can be said against an expression before libpcap sees it: characters and addresses that are none, Wireshark's
//! language, and names that libpcap would ask a name server for.

use super::error::{FilterError, FilterErrorKind, short};
use super::lex::{Kind, Token};
use super::roles::{Role, roles};
use super::suggest;
use super::wireshark::{self, Untranslatable};

/// Most words of an expression. libpcap's time grows with the square of them: 5 s at 1000 hosts.
const MOST_WORDS: usize = 4000;

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

fn display_filter(expression: &str, display: wireshark::Display, compiles: impl Fn(&str) -> bool) -> FilterError {
    let error = FilterError::at(expression, display.span, FilterErrorKind::Wireshark);
    match display.translation {
        Ok(text) if compiles(&text) => error.hint(format!("write:  {text}")),
        Ok(_) | Err(Untranslatable::Syntax) => error.hint("see: sockeye help filters"),
        Err(Untranslatable::Field(field)) => error.hint(format!("no capture filter can ask for {} like that", short(&field, 40))),
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
