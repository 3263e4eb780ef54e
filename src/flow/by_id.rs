//! A number for each of very many flows, by their IDs: in pieces that do not move, since flows are counted from 1 without gaps.

use super::FlowId;

/// Numbers kept in a piece.
const PIECE: usize = 1 << 14;
/// Nothing is known.
const NONE: u32 = u32::MAX;

/// Numbers by IDs of flows: 4 bytes each.
#[derive(Clone, Debug, Default)]
pub struct ById([Vec<Vec<u32>>; 5]);

impl ById {
    /// What a piece of them takes, bytes: so much is the least that there is.
    pub const PIECE: usize = PIECE * size_of::<u32>();

    /// That of a flow, where it was set.
    #[must_use]
    pub fn get(&self, id: FlowId) -> Option<u32> {
        let piece = self.0[id.kind as usize].get(usize::try_from(id.number).ok()? / PIECE)?;
        piece.get(id.number as usize % PIECE).copied().filter(|number| *number != NONE)
    }

    /// All that were set.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, u32)> {
        let of = |kind: usize| {
            self.0[kind].iter().flatten().zip((0_u64..).map(move |number| FlowId::of_key(number << 3 | kind as u64)))
        };
        let all = (0..self.0.len()).flat_map(of);
        all.filter(|(number, _)| **number != NONE).map(|(number, id)| (id, *number))
    }

    /// Sets that of a flow, to less than [`u32::MAX`]. Gives how many bytes more are taken.
    pub fn set(&mut self, id: FlowId, number: u32) -> usize {
        let pieces = &mut self.0[id.kind as usize];
        let (piece, place) = (id.number as usize / PIECE, id.number as usize % PIECE);
        let before = pieces.len();
        while pieces.len() <= piece {
            pieces.push(vec![NONE; PIECE]);
        }
        pieces[piece][place] = number;
        (pieces.len() - before) * Self::PIECE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKind;

    #[test]
    fn numbers_are_kept_by_letter_and_number() {
        let id = |kind, number| FlowId { kind, number };
        let mut by = ById::default();
        assert_eq!(by.set(id(FlowKind::Tcp, 1), 7), ById::PIECE);
        assert_eq!(by.set(id(FlowKind::Tcp, 2), 8), 0);
        assert_eq!(by.set(id(FlowKind::Other, 3 * PIECE as u64), 9), 4 * ById::PIECE);
        assert_eq!([1, 2, 3].map(|n| by.get(id(FlowKind::Tcp, n))), [Some(7), Some(8), None]);
        assert_eq!(by.get(id(FlowKind::Udp, 1)), None);
        assert_eq!(by.get(id(FlowKind::Other, 3 * PIECE as u64)), Some(9));
        let all: Vec<_> = by.iter().map(|(id, number)| (id.to_string(), number)).collect();
        assert_eq!(all, [("c1".into(), 7), ("c2".into(), 8), (format!("x{}", 3 * PIECE), 9)]);
    }
}
