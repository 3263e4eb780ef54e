//! The windows that one side offers, by tcptrace's rules, and whether its last one was shut.

use crate::decode::TcpFlags;
use crate::flow::tcp::segment::Segment;

/// Windows of one side, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// Smallest that is not 0, and largest; 0 where there was none.
    min: u64,
    max: u64,
    /// What the window field is multiplied with, once both sides have offered to.
    shift: u8,
    /// It sent the option.
    offered: bool,
    /// It has sent a window that was scaled and not 0.
    scaled: bool,
    /// It has sent a packet.
    sent: bool,
    /// Its last packet that was no reset offered more than nothing.
    open: bool,
}

impl Window {
    /// Takes the window scale option of a SYN of `me`. Whatever else is sent before both sides have offered a scale sets it
    /// to nothing, for good unless a SYN follows.
    pub(super) fn scale(me: &mut Self, peer: &mut Self, segment: &Segment<'_>, option: Option<u8>) {
        if segment.has(TcpFlags::SYN) {
            if let Some(shift) = option {
                (me.shift, me.offered) = (shift, true);
            }
        } else if !(me.offered && peer.offered) {
            (me.shift, peer.shift) = (0, 0);
        }
    }

    /// Did it offer a scale (RFC 7323 section 2.2: both must)?
    pub(super) const fn offered_scale(&self) -> bool {
        self.offered
    }

    /// Takes the window of a packet. A reset offers none.
    #[inline]
    pub(super) fn on_segment(&mut self, segment: &Segment<'_>, peer_offered: bool) {
        self.sent = true;
        if segment.has(TcpFlags::RST) {
            return;
        }
        let offers = segment.has(TcpFlags::ACK | TcpFlags::SYN);
        // RFC 7323 (2.2): the window of a SYN is never scaled.
        let scaled = self.offered && peer_offered && !segment.has(TcpFlags::SYN);
        // As sent, also above the 14 that RFC 7323 (2.3) would use.
        let shift = if scaled { u32::from(self.shift) } else { 0 };
        let last = if offers { u64::from(segment.window).wrapping_shl(shift) } else { 0 };
        self.open = last != 0;
        if last == 0 {
            return;
        }
        if scaled && !self.scaled {
            // The windows of the handshake say nothing of the buffer.
            (self.scaled, self.min, self.max) = (true, last, last);
        }
        self.max = self.max.max(last);
        if self.min == 0 || last < self.min {
            self.min = last;
        }
    }

    /// Would data sent to this side now be a probe of its window?
    pub(super) const fn is_shut(&self) -> bool {
        self.sent && !self.open
    }

    /// Smallest window that is not 0, and largest.
    pub(super) const fn extremes(&self) -> (u64, u64) {
        (self.min, self.max)
    }
}
