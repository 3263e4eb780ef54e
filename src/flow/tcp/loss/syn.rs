//! A SYN or SYN-ACK with the same first number again.

use super::case::{Case, Opinion};
use crate::decode::TcpFlags;
use crate::flow::verdict::{Evidence, VerdictKind};
use crate::model::Span;

/// No timer sends a SYN again so soon.
const SOON: Span = Span::from_millis(100);

impl Case<'_> {
    /// What a repeated SYN is. `unanswered`: more SYNs of the peer have passed than SYN-ACKs of this side.
    pub(super) fn syn_again(&self, unanswered: bool) -> Opinion {
        let why = Evidence::SYN_AGAIN;
        let copies = || self.me.history.copies(self.s.start, self.s.start + 1).filter(|copy| copy.passed.has(TcpFlags::SYN));
        let Some(last) = copies().max_by_key(|copy| copy.passed.ts) else {
            return Opinion::likely(VerdictKind::Resent, why.and(Evidence::FORGOTTEN));
        };
        let age = self.s.since(last.passed.ts);
        let syn_ack = self.s.has(TcpFlags::ACK);
        let same_packet = copies().find(|copy| copy.passed.id != 0 && copy.passed.id == self.s.id);
        if let Some(copy) = same_packet {
            let age = self.s.since(copy.passed.ts);
            return Opinion::sure(VerdictKind::Duplicate, why.and(Evidence::ID_EQUAL)).against(copy.passed.number, age);
        }
        let ids_allow = self.s.id == last.passed.id || self.s.id == 0 || last.passed.id == 0;
        // Linux answers a repeated SYN at once, with the timestamp of its first answer: like a copy of it.
        let soon = age < SOON && last.passed.is_identical(self.s) && ids_allow && !(syn_ack && unanswered);
        let opinion = match (soon, syn_ack) {
            (true, false) => Opinion::sure(VerdictKind::Duplicate, why.and(Evidence::IDENTICAL)),
            (true, true) => Opinion::likely(VerdictKind::Duplicate, why.and(Evidence::IDENTICAL)),
            (false, _) => Opinion::sure(VerdictKind::Resent, why),
        };
        opinion.against(last.passed.number, age)
    }
}
