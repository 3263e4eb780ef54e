//! The windows that one side offers, by tcptrace's rules, and whether its last one was shut.

use crate::decode::TcpFlags;
use crate::flow::tcp::segment::Segment;

/// A window: the field of the header, and by how many bits it is shifted. In half of the bytes that its size would take.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    field: u16,
    shift: u8,
}

impl Offered {
    /// Its size, bytes. As sent, also with a shift above the 14 that RFC 7323 (2.3) would use.
    const fn bytes(self) -> u64 {
        (self.field as u64).wrapping_shl(self.shift as u32)
    }
}

/// Windows of one side, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// Smallest that is not 0, and largest; 0 where there was none.
    min: Offered,
    max: Offered,
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
        let last = Offered { field: segment.window, shift: if scaled { self.shift } else { 0 } };
        let bytes = if offers { last.bytes() } else { 0 };
        self.open = bytes != 0;
        if bytes == 0 {
            return;
        }
        if scaled && !self.scaled {
            // The windows of the handshake say nothing of the buffer.
            (self.scaled, self.min, self.max) = (true, last, last);
        }
        if bytes > self.max.bytes() {
            self.max = last;
        }
        let min = self.min.bytes();
        if min == 0 || bytes < min {
            self.min = last;
        }
    }

    /// Would data sent to this side now be a probe of its window?
    pub(super) const fn is_shut(&self) -> bool {
        self.sent && !self.open
    }

    /// Smallest window that is not 0, and largest.
    pub(super) const fn extremes(&self) -> (u64, u64) {
        (self.min.bytes(), self.max.bytes())
    }
}
