//! A TCP header as the tracker needs it (RFC 9293 section 3.1), and the options that a SYN offers.

use super::options::Options;
use super::seq::Seq;
use crate::decode::{Packet, TcpFlags};

const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
const ACK_OR_RST: TcpFlags = TcpFlags(TcpFlags::ACK.0 | TcpFlags::RST.0);

/// The fixed part of a TCP header and the length of what follows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Segment<'f> {
    pub(in crate::flow) seq: Seq,
    pub(in crate::flow) ack: Seq,
    pub(in crate::flow) flags: TcpFlags,
    /// As it stands in the header, unscaled.
    pub(in crate::flow) window: u16,
    /// Bytes of data by the headers' lengths, captured or not.
    pub(in crate::flow) len: u32,
    /// The captured part of the options.
    pub(in crate::flow) options: Options<'f>,
    /// It is not all of them.
    pub(in crate::flow) options_cut: bool,
    /// IPv4's identification of a SYN, of others 0: it tells copies apart.
    pub(in crate::flow) syn_id: u16,
    /// As it stands in the header.
    pub(in crate::flow) checksum: u16,
    /// The data offset makes sense, and so does the checksum where that is looked at. Without either no host takes the segment.
    pub(in crate::flow) sound: bool,
}

impl<'f> Segment<'f> {
    /// `None` when the packet is no TCP with at least the fixed part of its header captured.
    pub(in crate::flow) fn of(packet: &Packet<'f>) -> Option<Self> {
        let header = packet.tcp()?;
        Some(Self {
            seq: Seq(header.seq()),
            ack: Seq(header.ack()),
            // Without the bits that nobody uses.
            flags: TcpFlags(header.flags().0 & !TcpFlags::RESERVED.0),
            window: header.window(),
            len: packet.payload_len,
            options: Options::read(header.option_bytes()),
            syn_id: if header.flags().intersects(TcpFlags::SYN) { ip_id(packet) } else { 0 },
            checksum: header.checksum(),
            options_cut: header.options_are_cut(),
            sound: header.has_valid_offset(),
        })
    }

    /// To be kept. `None` with SACK blocks, which are a part of the packet.
    pub(super) const fn kept(&self) -> Option<Segment<'static>> {
        let Self { seq, ack, flags, window, len, options_cut, checksum, sound, syn_id, .. } = *self;
        match self.options.kept() {
            Some(options) => Some(Segment { seq, ack, flags, window, len, options, options_cut, syn_id, checksum, sound }),
            None => None,
        }
    }

    /// Is any of these flags set?
    pub(in crate::flow) const fn has(&self, any: TcpFlags) -> bool {
        self.flags.intersects(any)
    }

    /// A SYN or a FIN.
    pub(in crate::flow) const fn begins_or_ends(&self) -> bool {
        self.has(TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0))
    }

    /// A SYN without ACK: the start of an attempt.
    pub(in crate::flow) const fn is_bare_syn(&self) -> bool {
        self.flags.contains(TcpFlags::SYN) && !self.has(ACK_OR_RST)
    }

    /// A SYN with ACK.
    pub(in crate::flow) const fn is_syn_ack(&self) -> bool {
        self.flags.contains(SYN_ACK) && !self.has(TcpFlags::RST)
    }
}

/// IPv4's identification; 0 where there is none.
fn ip_id(packet: &Packet<'_>) -> u16 {
    packet.ipv4().map_or(0, |header| header.id())
}

/// What a SYN or SYN-ACK offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) mss: Option<u16>,
    /// Window scale, at most 14 (RFC 7323 section 2.3).
    pub(super) scale: Option<u8>,
    /// Selective acknowledgments.
    pub(super) sack: bool,
    pub(super) timestamps: Option<(u32, u32)>,
    pub(super) fast_open: bool,
    /// There were more options than were captured.
    pub(super) cut: bool,
}

impl Offer {
    /// What a segment offers.
    pub(super) fn of(segment: &Segment<'_>) -> Self {
        let Options { mss, scale, sack_permitted: sack, fast_open, times: timestamps, .. } = segment.options;
        // RFC 7323 (2.3): a larger count is used as 14.
        Self { mss, scale: scale.map(|scale| scale.min(14)), sack, timestamps, fast_open, cut: segment.options_cut }
    }
}
