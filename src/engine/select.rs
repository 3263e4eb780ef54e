//! Which part of a capture is looked at: a stretch of time, numbers of packets. What lies outside is as if it were not there.

use crate::model::{Frame, Timestamp};
use std::sync::Arc;

/// A part of a capture.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Packets from this moment on.
    pub from: Option<Bound>,
    /// Packets before this moment.
    pub to: Option<Bound>,
    /// Packets with these numbers in their file.
    pub numbers: Option<Numbers>,
}

/// One end of a stretch of time.
#[derive(Clone)]
pub enum Bound {
    /// A moment.
    At(Timestamp),
    /// A time of the day of the first packet: worked out when that packet comes.
    OnDayOf(Arc<dyn Fn(Timestamp) -> Timestamp + Send + Sync>),
}

impl Bound {
    fn resolve(&mut self, first: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => *moment,
            Self::OnDayOf(find) => {
                let moment = find(first);
                *self = Self::At(moment);
                moment
            }
        }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(moment) => write!(f, "At({moment:?})"),
            Self::OnDayOf(_) => f.write_str("OnDayOf(..)"),
        }
    }
}

/// Sorted, disjoint ranges of packet numbers, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(Vec<(u64, u64)>);

impl Selection {
    /// Is this frame in the part? The first frame asked about settles what a time of day means.
    pub fn holds(&mut self, frame: &Frame<'_>) -> bool {
        let late_enough = self.from.as_mut().is_none_or(|from| frame.ts >= from.resolve(frame.ts));
        let early_enough = self.to.as_mut().is_none_or(|to| frame.ts < to.resolve(frame.ts));
        late_enough && early_enough && self.numbers.as_ref().is_none_or(|numbers| numbers.hold(frame.number))
    }

    /// The last number that can be in the part, where there is one.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.numbers.as_ref().and_then(|n| n.0.last()).map(|&(_, last)| last).filter(|last| *last < u64::MAX)
    }
}

impl Numbers {
    /// Reads `10-20`, `5`, `100-`, `-7`, and several of them with commas.
    ///
    /// # Errors
    /// Says which piece is no range.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for piece in text.split(',').map(str::trim) {
            let (low, high) = piece.split_once('-').unwrap_or((piece, piece));
            let number = |end: &str, open: u64| if end.is_empty() { Some(open) } else { end.trim().parse().ok() };
            match (number(low, 1), number(high, u64::MAX)) {
                (Some(low), Some(high)) if low <= high && low > 0 && piece != "-" && !piece.is_empty() => {
                    ranges.push((low, high));
                }
                _ => return Err(format!("\"{piece}\" is no range of packet numbers; write 10-20, 5, 100- or -7")),
            }
        }
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (low, high) in ranges {
            match joined.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => joined.push((low, high)),
            }
        }
        Ok(Self(joined))
    }

    fn hold(&self, number: u64) -> bool {
        let after = self.0.partition_point(|&(low, _)| low <= number);
        after > 0 && number <= self.0[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_and_looked_up() {
        let numbers = Numbers::parse("5, 10-20,18-30,-2,100-").unwrap();
        assert_eq!(numbers.0, [(1, 2), (5, 5), (10, 30), (100, u64::MAX)]);
        let held: Vec<u64> = [1, 2, 3, 5, 9, 10, 30, 31, 99, 100, u64::MAX].into_iter().filter(|&n| numbers.hold(n)).collect();
        assert_eq!(held, [1, 2, 5, 10, 30, 100, u64::MAX]);
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "-", "9-3", "a", "0", "1-2-3", "5,"] {
            assert!(Numbers::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_open_end_has_no_last_number() {
        let part = |text| Selection { numbers: Some(Numbers::parse(text).unwrap()), ..Selection::default() };
        assert_eq!(part("2-3").last_number(), Some(3));
        assert_eq!(part("2-3,7-").last_number(), None);
        assert_eq!(Selection::default().last_number(), None);
    }
}
