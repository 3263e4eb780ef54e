//! A SYN or SYN-ACK with the same first number again.

use super::case::{Case, Opinion};
use crate::decode::TcpFlags;
use crate::flow::tcp::handshake::SOON;
use crate::flow::verdict::{Evidence, VerdictKind};

impl Case<'_> {
    /// What a repeated SYN is.
    pub(super) fn syn_again(&self) -> Opinion {
        let why = Evidence::SYN_AGAIN;
        let copies = || self.copies().filter(|copy| copy.passed.has(TcpFlags::SYN));
        let Some(last) = copies().max_by_key(|copy| copy.passed.ts) else {
            return Opinion::likely(VerdictKind::Resent, why.and(Evidence::FORGOTTEN));
        };
        let age = self.s.since(last.passed.ts);
        let syn_ack = self.s.has(TcpFlags::ACK);
        let same_packet = copies().find(|copy| copy.passed.id != 0 && copy.passed.id == self.s.id);
        if let Some(copy) = same_packet {
            let age = self.s.since(copy.passed.ts);
            return Opinion::sure(VerdictKind::Duplicate, why.and(Evidence::ID_EQUAL)).against(copy.passed, age);
        }
        let ids_allow = self.s.id == last.passed.id || self.s.id == 0 || last.passed.id == 0;
        let soon = age < SOON && last.passed.is_identical(self.s) && ids_allow;
        let opinion = match (soon, syn_ack) {
            (true, false) => Opinion::sure(VerdictKind::Duplicate, why.and(Evidence::IDENTICAL)),
            // Linux answers a repeated SYN at once, with IP identification 0 and the timestamp of its first answer: like a
            // copy of that. Where it does not answer, it may be one, unless this is its sender's place.
            // And where the SYN itself was copied, by a second place of capture for one, so may this be.
            (true, true) if self.moment.answers_syn => Opinion::sure_if(!self.moment.syn_copied, VerdictKind::Resent, why),
            // Its timer and a repeated SYN may make it send two at one time.
            (true, true) if self.moment.syn_repeated => Opinion::likely(VerdictKind::Resent, why),
            (true, true) if self.near_sender() => Opinion::likely(VerdictKind::Resent, why.and(Evidence::AT_SENDER)),
            (true, true) => Opinion::likely(VerdictKind::Duplicate, why.and(Evidence::IDENTICAL)),
            (false, _) => Opinion::sure(VerdictKind::Resent, why),
        };
        opinion.against(last.passed, age)
    }
}
