//! From packets to what Wireshark says of them: which packets it looks at, and what of their headers it reads.

use super::conversation::Seen;
use super::labels::Analysis;
use super::table::{MOST, Table, most_within};
use crate::decode::{Layer, LayerKind, Packet, TcpFlags, Transport, decode_through_pieces};
use crate::flow::key::Ends;
use crate::model::{Endpoint, Frame, IpProtocol, Timestamp};
use std::net::IpAddr;

/// Follows Wireshark's conversations, by default 262,144 at one time (60 MB); then one that has long been silent is forgotten,
/// and begins anew where Wireshark would go on.
#[derive(Debug)]
pub struct Labeler {
    conversations: Table,
}

impl Default for Labeler {
    fn default() -> Self {
        Self { conversations: Table::new(MOST) }
    }
}

impl Labeler {
    /// For as many conversations as have room in so many bytes.
    #[must_use]
    pub fn within(bytes: usize) -> Self {
        Self { conversations: Table::new(most_within(bytes)) }
    }

    /// Takes a packet as its frame holds it (a fragment as a fragment). `None`: there is no TCP header as far as the window in
    /// it, neither its own nor one that an ICMP error quotes or the first fragment of a tunnel holds.
    pub fn on_packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Analysis> {
        if matches!(packet.transport, Transport::Icmp | Transport::Icmpv6) {
            return self.on_quote(frame.ts, packet);
        }
        // What lies in the tunnel of a first fragment is looked at, as far as it goes.
        if packet.fragment.more && packet.fragment.offset == 0 && packet.protocol != IpProtocol::TCP {
            return self.on_header(frame, &decode_through_pieces(frame));
        }
        self.on_header(frame, packet)
    }

    fn on_header(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Analysis> {
        // A header that is not wholly there is no transport to the decoder.
        let tcp = matches!(packet.transport, Transport::Tcp | Transport::None) && packet.protocol == IpProtocol::TCP;
        if !tcp || packet.fragment.offset > 0 || packet.transport_at <= packet.network_at {
            return None;
        }
        let (source, target) = packet.addresses()?;
        let end = wire_end(frame, packet);
        let bytes = packet.bytes.get(packet.transport_at as usize..packet.captured_end.min(end) as usize)?;
        let length = packet.ip_len.min(end.saturating_sub(packet.network_at));
        let length = length.saturating_sub(packet.transport_at - packet.network_at);
        self.take([source, target], Some(length).filter(|_| !packet.fragment.is_piece()), bytes, frame.ts)
    }

    /// A TCP header that an ICMP error quotes finds its conversation (and can begin another), and is not analysed.
    fn on_quote(&mut self, ts: Timestamp, packet: &Packet<'_>) -> Option<Analysis> {
        let quoted = packet.quoted().filter(|q| q.protocol == IpProtocol::TCP && q.fragment.offset == 0)?;
        self.take([quoted.source, quoted.target], None, quoted.transport, ts)
    }

    /// Takes a header from its first byte on. `length`, header included, is told of what is to be analysed.
    fn take(&mut self, hosts: [IpAddr; 2], length: Option<u32>, bytes: &[u8], ts: Timestamp) -> Option<Analysis> {
        let fixed: &[u8; 16] = bytes.first_chunk()?;
        let number = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let header_len = u32::from(fixed[12] >> 4) * 4;
        let options = bytes.get(20..(header_len as usize).min(bytes.len())).unwrap_or_default();
        let (source, target) = (number(0) >> 16, number(0) & 0xffff);
        let ends = Ends::new(Endpoint::new(hosts[0], source as u16), Endpoint::new(hosts[1], target as u16), IpProtocol::TCP);
        let (key, from) = ends.key([0; 2], 0);
        let (conversation, new) = self.conversations.entry(key);
        let seen = Seen {
            from,
            seq: number(4),
            ack: number(8),
            flags: TcpFlags((number(12) >> 16) as u16 & 0x01ff),
            window: number(12) & 0xffff,
            // What is too short for its own header is not analysed either.
            len: length.and_then(|length| length.checked_sub(header_len)),
            options,
            sound: header_len >= 20,
            // Labels are printed after the header was read to its end.
            whole: header_len >= 20 && header_len as usize <= bytes.len(),
            now: ts.nanos(),
        };
        Some(conversation.on_packet(&seen, new))
    }
}

/// Where a frame's contents end. Behind Cisco's `FabricPath` tag Wireshark takes the last four bytes for the inner frame's
/// check sequence, whether there is one or not.
fn wire_end(frame: &Frame<'_>, packet: &Packet<'_>) -> u32 {
    const FABRIC_PATH: [u8; 2] = [0x89, 0x03];
    let tag = |layer: Layer| packet.bytes.get(layer.offset as usize..).is_some_and(|bytes| bytes.starts_with(&FABRIC_PATH));
    let tagged = packet.layers().any(|layer| layer.kind == LayerKind::Tag && tag(layer));
    frame.wire_len.max(frame.bytes.len() as u32).saturating_sub(if tagged { 4 } else { 0 })
}
