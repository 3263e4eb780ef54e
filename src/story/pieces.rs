//! Pieces of datagrams that came in fragments (RFC 791 section 3.2, RFC 8200 section 4.5), until the last of them has come: only then is it
//! known whose they are. Not the data, just which packets they were and how far they reach.

use crate::decode::Packet;
use crate::model::{Frame, IpProtocol};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Pieces that are remembered at a time.
const MOST: usize = 4096;
/// Bytes of a header of UDP or ICMP.
const HEADER: u32 = 8;

/// What pieces of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Datagram {
    source: u16,
    from: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    id: u32,
}

/// Pieces without their last.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    /// Whose, packet number, end of its data in the datagram.
    waiting: VecDeque<(Datagram, u64, u32)>,
}

impl Pieces {
    /// Remembers a piece.
    pub(super) fn keep(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        let Some(datagram) = datagram_of(frame, packet) else { return };
        if self.waiting.len() == MOST {
            self.waiting.pop_front();
        }
        self.waiting.push_back((datagram, frame.number, end_of(packet)));
    }

    /// This piece completes a datagram: the packets that it came in, in their order, and its bytes of data. `None` where some of them are
    /// not known any more.
    pub(super) fn complete(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Option<(Vec<u64>, u32)> {
        let datagram = datagram_of(frame, packet)?;
        let (mut numbers, mut end) = (Vec::new(), end_of(packet));
        self.waiting.retain(|(of, number, its_end)| {
            let mine = *of == datagram;
            if mine {
                numbers.push(*number);
                end = end.max(*its_end);
            }
            !mine
        });
        numbers.push(frame.number);
        let header = if matches!(packet.protocol.0, 1 | 17 | 58) { HEADER } else { 0 };
        (numbers.len() > 1).then(|| (numbers, end.saturating_sub(header)))
    }
}

fn datagram_of(frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Datagram> {
    let (from, to) = packet.endpoints()?;
    let id = packet.datagram_id()?;
    let whole = Datagram { source: frame.source, from: from.ip, to: to.ip, protocol: packet.protocol, id };
    packet.fragment.is_piece().then_some(whole)
}

/// Where a piece's data end in the datagram: what stands behind the headers of IP.
fn end_of(packet: &Packet<'_>) -> u32 {
    let data = packet.ip_len.saturating_sub(packet.transport_at.saturating_sub(packet.network_at));
    u32::from(packet.fragment.offset).saturating_add(data)
}
