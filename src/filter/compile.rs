//! Expressions to programs, by libpcap's compiler and without a device. Only what libpcap says is told here; `explain` makes
//! it fit for people.
//!
//! Everything that libpcap compiles passes through here, also what is only tried; so here is where host names stop, which
//! libpcap would send to a name server.

use super::program::{ACCEPT, Program, parse_line};
use super::{lex, words};
use crate::model::LinkType;
use pcap::{BpfProgram, Capture, Dead, Linktype};

/// Words up to which libpcap's optimiser is asked: its time grows with the square of the program, half a second at
/// 200 hosts, minutes at 1000.
const OPTIMISED_WORDS: usize = 600;

/// Said in place of libpcap of a text with a name to be looked up. To those who try texts, one that cannot go on.
const NO_NAMES: &str = "syntax error: hosts and networks need addresses";

/// libpcap's compiler for one link type.
pub(super) struct Compiler {
    handle: Capture<Dead>,
    pub(super) link: LinkType,
}

impl Compiler {
    /// Gets a compiler. Fails only where memory is short or libpcap does not know the type.
    pub(super) fn new(link: LinkType) -> Result<Self, String> {
        match Capture::dead(Linktype(link.to_dlt())) {
            Ok(handle) => Ok(Self { handle, link }),
            Err(error) => Err(message(error)),
        }
    }

    /// Gets a compiler for a type that libpcap knows.
    pub(super) fn of_known(link: LinkType) -> Option<Self> {
        let compiler = Self::new(link).ok()?;
        // It looks at the type before the expression.
        compiler.complaint("").is_none().then_some(compiler)
    }

    /// Compiles an expression, or gives libpcap's words.
    pub(super) fn compile(&self, expression: &str, words: usize) -> Result<Program, String> {
        let compiled = self.ask(expression, words <= OPTIMISED_WORDS)?;
        let lines = compiled.get_instructions().iter().map(|i| parse_line(&i.to_string()));
        let insns = lines.collect::<Option<Vec<_>>>().ok_or("libpcap gave a program that cannot be read")?;
        // The pcap crate's dead handle has a snapshot length of 65,535, which the program would return.
        Program::new(insns).map(|p| p.accepting(ACCEPT)).map_err(|e| e.to_string())
    }

    /// Tries whether something compiles, as fast as libpcap can.
    pub(super) fn complaint(&self, expression: &str) -> Option<String> {
        self.ask(expression, false).err()
    }

    fn ask(&self, expression: &str, optimise: bool) -> Result<BpfProgram, String> {
        if words::asks_for_names(&lex::tokens(expression)) {
            return Err(NO_NAMES.to_owned());
        }
        self.handle.compile(expression, optimise).map_err(message)
    }
}

fn message(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::show::ProgramForm;

    #[test]
    fn programs_return_the_longest_packet_and_use_the_right_numbers() {
        let compile = |link| Compiler::new(link).unwrap().compile("tcp", 1).unwrap().listing(ProgramForm::Words).to_string();
        let text = compile(LinkType::ETHERNET);
        assert!(text.starts_with("(000) ldh      [12]\n"), "{text}");
        assert!(text.contains("ret      #262144\n"), "{text}");
        assert!(compile(LinkType::RAW).starts_with("(000) ldb      [0]\n"));
        assert_eq!(compile(LinkType::RAW), compile(LinkType::RAW_14));
        for link in LinkType::decoded() {
            compile(link);
        }
    }

    #[test]
    fn names_go_no_further() {
        let compiler = Compiler::new(LinkType::ETHERNET).unwrap();
        for text in ["host localhost", "net loopback", "gateway localhost", "host 192.0.2.1 or localhost", "src localhost"] {
            assert_eq!(compiler.compile(text, 2), Err(NO_NAMES.to_owned()), "{text}");
            assert_eq!(compiler.complaint(text).as_deref(), Some(NO_NAMES), "{text}");
        }
    }

    #[test]
    fn a_type_that_nobody_knows_is_an_error() {
        let compiler = Compiler::new(LinkType(9999));
        assert!(compiler.and_then(|c| c.compile("tcp", 1)).unwrap_err().contains("9999"));
        let known = |number| Compiler::of_known(LinkType(number)).is_some();
        assert!(!known(9999) && !known(65_535) && known(1) && known(101) && known(276));
    }
}
