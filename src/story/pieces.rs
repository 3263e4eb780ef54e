//! Pieces of datagrams that came in fragments (RFC 791 section 3.2, RFC 8200 section 4.5), until the last of them has come: only then is it
//! known whose they are. Which packets they were and how far they reach, and their data, where these are wanted.

use crate::decode::Packet;
use crate::model::{Frame, IpProtocol};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Pieces that are remembered at a time.
const MOST: usize = 4096;
/// Bytes of their data that are kept at a time.
const MOST_DATA: usize = 4 << 20;
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

/// A piece.
#[derive(Clone, Debug)]
struct Piece {
    of: Datagram,
    number: u64,
    /// Where its data begin and end in the datagram.
    place: (u32, u32),
    /// The data, where they are wanted.
    data: Box<[u8]>,
}

/// A datagram that was put together.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// The packets that it came in, in their order.
    pub numbers: Vec<u64>,
    /// Bytes of data behind the header of UDP or ICMP.
    pub len: u32,
    /// The data, as far as they were captured and wanted; what is missing is left out.
    pub data: Vec<u8>,
}

/// Pieces without their last.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    waiting: VecDeque<Piece>,
    with_data: bool,
    /// Bytes of data that wait.
    held: usize,
}

impl Pieces {
    /// None yet, and their data are wanted.
    #[must_use]
    pub fn with_data() -> Self {
        Self { with_data: true, ..Self::default() }
    }

    /// Remembers a piece.
    pub fn keep(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        let Some(piece) = self.piece(frame, packet) else { return };
        self.held += piece.data.len();
        self.waiting.push_back(piece);
        while self.waiting.len() > MOST || self.held > MOST_DATA {
            self.held -= self.waiting.pop_front().map_or(0, |piece| piece.data.len());
        }
    }

    /// This piece completes a datagram. `None` where those before are not known any more.
    pub fn complete(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Whole> {
        let last = self.piece(frame, packet)?;
        let (mut pieces, others): (Vec<Piece>, Vec<Piece>) = self.waiting.drain(..).partition(|piece| piece.of == last.of);
        self.waiting = others.into();
        self.held = self.waiting.iter().map(|piece| piece.data.len()).sum();
        let header = if matches!(packet.protocol.0, 1 | 17 | 58) { HEADER } else { 0 };
        let known = !pieces.is_empty();
        pieces.push(last);
        let numbers = pieces.iter().map(|piece| piece.number).collect();
        let end = pieces.iter().map(|piece| piece.place.1).max().unwrap_or(0);
        pieces.sort_by_key(|piece| piece.place.0);
        let (mut data, mut at) = (Vec::new(), header);
        for piece in &pieces {
            // What an earlier one had is not taken twice.
            let skipped = at.saturating_sub(piece.place.0) as usize;
            data.extend_from_slice(piece.data.get(skipped..).unwrap_or_default());
            at = at.max(piece.place.1);
        }
        known.then(|| Whole { numbers, len: end.saturating_sub(header), data })
    }

    fn piece(&self, frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Piece> {
        let of = datagram_of(frame, packet)?;
        let len = packet.ip_len.saturating_sub(packet.transport_at.saturating_sub(packet.network_at));
        let begin = u32::from(packet.fragment.offset);
        let from = packet.transport_at as usize;
        let bytes = packet.bytes.get(from..(from + len as usize).min(packet.bytes.len())).filter(|_| self.with_data);
        Some(Piece {
            of,
            number: frame.number,
            place: (begin, begin.saturating_add(len)),
            data: bytes.unwrap_or_default().into(),
        })
    }
}

fn datagram_of(frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Datagram> {
    let (from, to) = packet.endpoints()?;
    let id = packet.datagram_id()?;
    let whole = Datagram { source: frame.source, from: from.ip, to: to.ip, protocol: packet.protocol, id };
    packet.fragment.is_piece().then_some(whole)
}
