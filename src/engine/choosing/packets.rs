//! To which conversation each packet belongs: 4 bytes a packet, and a bit where it is known already whether it is chosen.

use crate::flow::{FlowId, FlowKind};

/// Packets of a piece.
const PIECE: usize = 1 << 16;
/// No conversation.
const NONE: u32 = u32::MAX;
/// Numbers of conversations below this one fit beside the three bits of their letter.
const MOST: u64 = 1 << 29;

/// The packets of a run in their order.
#[derive(Debug, Default)]
pub(super) struct Packets {
    pieces: Vec<Piece>,
    len: u64,
    /// Bytes that they take.
    pub(super) bytes: usize,
}

#[derive(Debug)]
enum Piece {
    /// The conversation of each.
    Flows(Vec<u32>),
    /// Whether each is chosen.
    Chosen(Box<[u64]>),
}

impl Packets {
    /// One more. Nothing where the conversation's number is too large.
    pub(super) fn push(&mut self, of: Option<FlowId>) -> Option<u64> {
        let entry = entry(of)?;
        if self.len.is_multiple_of(PIECE as u64) {
            self.pieces.push(Piece::Flows(Vec::with_capacity(PIECE)));
            self.bytes += PIECE * size_of::<u32>();
        }
        if let Some(Piece::Flows(flows)) = self.pieces.last_mut() {
            flows.push(entry);
        }
        self.len += 1;
        Some(self.len - 1)
    }

    /// An earlier one belongs to this conversation, too.
    pub(super) fn set(&mut self, at: u64, of: FlowId) {
        if let Some(Piece::Flows(flows)) = self.pieces.get_mut((at / PIECE as u64) as usize)
            && let (Some(place), Some(entry)) = (flows.get_mut(at as usize % PIECE), entry(Some(of)))
        {
            *place = entry;
        }
    }

    /// Makes bits of pieces whose conversations are all decided; `open`: none from here on, as pieces of datagrams still wait.
    pub(super) fn shrink(&mut self, open: u64, decided: impl Fn(FlowId) -> Option<bool>) {
        for (at, piece) in (0..).zip(&mut self.pieces) {
            let Piece::Flows(flows) = piece else { continue };
            let full = flows.len() == PIECE && (at + 1) * PIECE as u64 <= open;
            if full && let Some(bits) = bits(flows, &decided) {
                self.bytes -= PIECE * size_of::<u32>() - bits.len() * size_of::<u64>();
                *piece = Piece::Chosen(bits);
            }
        }
    }

    /// All are decided: bits of all of them, and how many are chosen.
    pub(super) fn finish(self, decided: impl Fn(FlowId) -> bool) -> (Bits, u64) {
        let all = self.pieces.into_iter().map(|piece| match piece {
            Piece::Flows(flows) => bits(&flows, &|id| Some(decided(id))).unwrap_or_default(),
            Piece::Chosen(bits) => bits,
        });
        let bits = Bits(all.collect());
        let chosen = bits.0.iter().flatten().map(|word| u64::from(word.count_ones())).sum();
        (bits, chosen)
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }
}

/// Which packets are chosen.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<Box<[u64]>>);

impl Bits {
    #[inline]
    pub(super) fn get(&self, at: u64) -> bool {
        let piece = self.0.get((at / PIECE as u64) as usize);
        let word = piece.and_then(|piece| piece.get(at as usize % PIECE / 64));
        word.is_some_and(|word| word >> (at % 64) & 1 != 0)
    }
}

fn entry(of: Option<FlowId>) -> Option<u32> {
    match of {
        None => Some(NONE),
        Some(id) if id.number < MOST => Some((id.kind as u32) << 29 | id.number as u32),
        Some(_) => None,
    }
}

const fn id(entry: u32) -> FlowId {
    let kind = match entry >> 29 {
        0 => FlowKind::Tcp,
        1 => FlowKind::Udp,
        2 => FlowKind::Icmp,
        3 => FlowKind::Sctp,
        _ => FlowKind::Other,
    };
    FlowId { kind, number: (entry & (MOST as u32 - 1)) as u64 }
}

/// A bit for each; nothing where one is not decided.
fn bits(flows: &[u32], decided: &impl Fn(FlowId) -> Option<bool>) -> Option<Box<[u64]>> {
    let mut bits = vec![0_u64; flows.len().div_ceil(64)].into_boxed_slice();
    for (at, entry) in flows.iter().enumerate().filter(|(_, entry)| **entry != NONE) {
        if decided(id(*entry))? {
            bits[at / 64] |= 1 << (at % 64);
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_becomes_bits_and_stays_what_it_was() {
        let flow = |number| FlowId { kind: FlowKind::Udp, number };
        let mut packets = Packets::default();
        for at in 0..3 * PIECE as u64 + 100 {
            packets.push((!at.is_multiple_of(3)).then(|| flow(at % 7)));
        }
        packets.set(3 * PIECE as u64, flow(2));
        let before = packets.bytes;
        // Flow 6 has its last packets in every piece and is not decided.
        packets.shrink(u64::MAX, |id| (id.number != 6).then_some(id.number == 2));
        assert_eq!(packets.bytes, before);
        packets.shrink(2 * PIECE as u64, |id| Some(id.number == 2));
        assert!(packets.bytes < before * 6 / 10);
        let (bits, chosen) = packets.finish(|id| id.number == 2);
        let wanted = |at: u64| (!at.is_multiple_of(3) && at % 7 == 2) || at == 3 * PIECE as u64;
        assert!((0..3 * PIECE as u64 + 200).all(|at| bits.get(at) == (wanted(at) && at < 3 * PIECE as u64 + 100)));
        assert_eq!(chosen, (0..3 * PIECE as u64 + 100).filter(|at| wanted(*at)).count() as u64);
    }

    #[test]
    fn ids_of_every_letter_are_kept() {
        for kind in [FlowKind::Tcp, FlowKind::Udp, FlowKind::Icmp, FlowKind::Sctp, FlowKind::Other] {
            let one = FlowId { kind, number: MOST - 1 };
            assert_eq!(entry(Some(one)).map(id), Some(one));
        }
        assert_eq!(entry(Some(FlowId { kind: FlowKind::Tcp, number: MOST })), None);
        assert_ne!(entry(Some(FlowId { kind: FlowKind::Other, number: MOST - 1 })), entry(None));
    }
}
