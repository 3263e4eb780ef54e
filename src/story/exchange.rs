//! Which question an answer of DNS belongs to: several are asked at once, and answers come in any order. The message's identifier tells,
//! together with the question that an answer repeats (RFC 1035 sections 4.1.1 and 7.3).

use crate::peek::dns;
use crate::peek::{App, recognise_datagram};

/// What a message of DNS, LLMNR or NetBIOS's name service says of its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Identifier.
    pub id: u16,
    /// It is an answer.
    pub answers: bool,
    /// The first question: type and name, in small letters. NetBIOS's answers repeat none (RFC 1002 section 4.2.13).
    pub question: Option<String>,
}

impl Exchange {
    /// Of the data of a datagram between these ports. `None`: it is no such message; multicast DNS has no identifiers (RFC 6762 section 18.1).
    pub(super) fn read(bytes: &[u8], ports: (u16, u16)) -> Option<Self> {
        let app = recognise_datagram(bytes, ports).is()?.app;
        if !matches!(app, App::Dns | App::Llmnr | App::Nbns) {
            return None;
        }
        let message = dns::read_cut(bytes)?;
        let question = message.questions().next();
        let question = question.map(|question| format!("{} of {}", question.kind, question.name).to_ascii_lowercase());
        Some(Self { id: message.header.id, answers: message.header.is_response(), question })
    }

    /// Is this the answer to that question?
    pub(super) fn is_answer_to(&self, asked: &Self) -> bool {
        let same = self.question.as_ref().zip(asked.question.as_ref()).is_none_or(|(mine, theirs)| mine == theirs);
        self.answers && !asked.answers && self.id == asked.id && same
    }
}
