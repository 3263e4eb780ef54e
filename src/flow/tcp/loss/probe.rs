//! Keep-alives and probes of a shut window: segments that repeat the number before the next one.

use super::case::{Case, Opinion, tenths};
use super::sender::TIMEOUT;
use crate::decode::TcpFlags;
use crate::flow::verdict::{Evidence, VerdictKind};

impl Case<'_> {
    /// Is it a probe?
    pub(super) fn probes(&self) -> Option<Opinion> {
        let s = self.s;
        let plain = s.has(TcpFlags::ACK) && !s.has(TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0));
        if !plain || s.start + 1 != self.me.next || self.me.fin {
            return None;
        }
        // An ACK that was overtaken by a segment of one byte looks the same, but for the silence before it.
        let silent = self.moment.silence.is_some_and(|silence| silence >= TIMEOUT);
        let acked = self.me.requests.acked >= self.me.next;
        let empty = s.len == 0 && silent;
        let byte = s.len == 1 && silent && acked && !self.repeats_one_byte();
        if !empty && !byte {
            return None;
        }
        let way = tenths(self.to_sender().unwrap_or_default(), 5);
        let (kind, why) = if self.me.requests.shut(s.ts, way) {
            (VerdictKind::WindowProbe, Evidence::BELOW_WINDOW.and(Evidence::WINDOW_SHUT))
        } else {
            (VerdictKind::KeepAlive, Evidence::BELOW_WINDOW)
        };
        Some(Opinion::sure(kind, why))
    }

    /// Was the byte sent by itself before? Then it is data sent again.
    fn repeats_one_byte(&self) -> bool {
        let s = self.s;
        self.copies().any(|copy| (copy.passed.start, copy.passed.len) == (s.start, 1))
    }
}
