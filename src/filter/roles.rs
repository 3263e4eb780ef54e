//! What each name of an expression stands for, from the words before it: a port, a protocol, a host, or nothing at all.
//!
//! libpcap's grammar lets a bare name take over the qualifiers of the primitive before it (`port http or https`), so they
//! are carried along. A name that libpcap would look up as a host or network must never reach it: it would ask a
//! name server.

use super::lex::{Kind, Logic, Token};

/// The primitive a word belongs to: which protocol it is about and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Qualifiers<'a> {
    /// `tcp`, `ether` …
    pub(crate) protocol: Option<&'a str>,
    /// `src`, `dst` …
    pub(crate) direction: bool,
    /// `host`, `port` …
    pub(crate) asked: Option<&'a str>,
}

impl Qualifiers<'_> {
    /// Is it about link-layer addresses?
    pub(crate) fn is_link(self) -> bool {
        matches!(self.protocol, Some("ether" | "link" | "ppp" | "slip" | "fddi" | "tr" | "wlan"))
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Not a name.
    None,
    /// A service, or two of them joined by `-`.
    Port,
    /// A protocol.
    Protocol,
    /// An entry of /etc/ethers.
    EtherHost,
    /// A word with a meaning of its own: `type mgt`, `action pass`.
    Literal,
    /// A host or network to be looked up. Was one asked for by the word before?
    Host {
        /// `host foo`, as against `host 1.2.3.4 or foo`.
        asked: bool,
    },
    /// What `gateway` takes.
    Gateway,
    /// A name where none can stand.
    Stray,
}

/// Gives every word its qualifiers and its role.
pub(crate) fn roles<'a>(tokens: &[Token<'a>]) -> Vec<(Qualifiers<'a>, Role)> {
    let mut walk = Walk::default();
    tokens.iter().map(|token| walk.next(token)).collect()
}

/// What the word before was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    /// Start, `and`, `or`, `not`, `(`.
    #[default]
    Joint,
    /// `src` or `dst`.
    Direction,
    /// `or` or `and` after a direction.
    DirectionJoint,
    /// Another qualifier.
    Qualifier,
    /// Anything else.
    Other,
}

#[derive(Debug, Default)]
struct Walk<'a> {
    qualifiers: Qualifiers<'a>,
    before: Before,
    brackets: u32,
}

impl<'a> Walk<'a> {
    fn next(&mut self, token: &Token<'a>) -> (Qualifiers<'a>, Role) {
        let mut role = Role::None;
        self.before = match token.kind {
            Kind::Logic(logic) => match self.before {
                Before::Direction if logic != Logic::Not => Before::DirectionJoint,
                _ => Before::Joint,
            },
            Kind::Keyword => self.keyword(token.text),
            Kind::Sign => self.sign(token.text),
            Kind::Name | Kind::Constant if self.brackets == 0 => {
                role = self.name(token.kind);
                Before::Other
            }
            _ => Before::Other,
        };
        (self.qualifiers, role)
    }

    fn sign(&mut self, sign: &str) -> Before {
        match sign {
            "(" => return Before::Joint,
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Before::Other
    }

    fn keyword(&mut self, word: &'a str) -> Before {
        let goes_on = matches!(self.before, Before::Qualifier | Before::Direction | Before::DirectionJoint);
        match word {
            "src" | "dst" | "ra" | "ta" | "addr1" | "addr2" | "addr3" | "addr4" | "address1" | "address2" | "address3"
            | "address4" => {
                if !goes_on {
                    self.qualifiers = Qualifiers::default();
                }
                self.qualifiers.direction = true;
                Before::Direction
            }
            "host" | "net" | "mask" | "port" | "portrange" | "proto" | "protochain" | "gateway" | "type" | "subtype" | "dir"
            | "direction" | "ifname" | "on" | "rset" | "ruleset" | "reason" | "action" | "llc" => {
                if !goes_on {
                    self.qualifiers = Qualifiers::default();
                }
                self.qualifiers.asked = Some(word);
                Before::Qualifier
            }
            _ => {
                self.qualifiers = Qualifiers { protocol: Some(word), direction: false, asked: None };
                Before::Qualifier
            }
        }
    }

    fn name(&self, kind: Kind) -> Role {
        let Qualifiers { direction, asked, .. } = self.qualifiers;
        let qualified = matches!(self.before, Before::Qualifier | Before::Direction);
        if self.before == Before::Other || (asked.is_none() && !direction) {
            // `tcp-syn` and its like are numbers: an operand here, and harmless.
            return if kind == Kind::Constant { Role::None } else { Role::Stray };
        }
        match asked {
            Some("port" | "portrange") => Role::Port,
            Some("proto" | "protochain") => Role::Protocol,
            Some("host") | None if self.qualifiers.is_link() => Role::EtherHost,
            Some("gateway") => Role::Gateway,
            Some("host" | "net" | "mask") | None => Role::Host { asked: qualified },
            Some(_) => Role::Literal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::tokens;
    use super::*;

    fn role_of(text: &str, word: &str) -> Role {
        let tokens = tokens(text);
        let at = tokens.iter().rposition(|t| t.is(word)).unwrap();
        roles(&tokens)[at].1
    }

    #[test]
    fn names_mean_what_the_words_before_them_say() {
        let host = |asked| Role::Host { asked };
        for (text, word, role) in [
            ("tcp port http", "http", Role::Port),
            ("port 80 or http", "http", Role::Port),
            ("port (80 or not http)", "http", Role::Port),
            ("portrange ftp-ssh", "ftp-ssh", Role::Port),
            ("src or dst port http", "http", Role::Port),
            (r"ip proto \tcp", r"\tcp", Role::Protocol),
            ("ether proto foo", "foo", Role::Protocol),
            ("ether host foo", "foo", Role::EtherHost),
            ("ether src or dst foo", "foo", Role::EtherHost),
            ("ether src host foo", "foo", Role::EtherHost),
            ("host foo", "foo", host(true)),
            ("src foo", "foo", host(true)),
            ("ip host foo", "foo", host(true)),
            ("src and dst net foo", "foo", host(true)),
            ("host 1.2.3.4 or foo", "foo", host(false)),
            ("tcp port 80 or host 1.2.3.4 or foo", "foo", host(false)),
            ("gateway foo", "foo", Role::Gateway),
            ("wlan type mgt", "mgt", Role::Literal),
            ("type mgt subtype beacon", "beacon", Role::Literal),
            ("foo", "foo", Role::Stray),
            ("tcp foo", "foo", Role::Stray),
            ("host 1.2.3.4 foo", "foo", Role::Stray),
            ("tcp port 80 an udp", "an", Role::Stray),
            ("host 1.2.3.4 or tcp foo", "foo", Role::Stray),
            ("tcp[foo] = 1", "foo", Role::None),
            ("tcp[13] & tcp-syn != 0", "tcp-syn", Role::None),
            ("tcp[13] = tcp-syn and host tcp-ack", "tcp-ack", host(true)),
        ] {
            assert_eq!(role_of(text, word), role, "{word} in {text}");
        }
    }
}
