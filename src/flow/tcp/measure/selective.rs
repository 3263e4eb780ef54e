//! Whether the SACK blocks of a segment report bytes that were received twice.

use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::seq::Seq;

/// Does the first block report a duplicate?
pub(super) fn reports_duplicate(segment: &Segment<'_>) -> bool {
    segment.options.sack.is_some_and(|blocks| {
        let mut blocks = blocks.iter();
        blocks.next().is_some_and(|first| is_duplicate(first, blocks.next(), segment.ack))
    })
}

/// RFC 2883 (4): the first block reports bytes received twice if it lies below the acknowledgment, or within the second.
fn is_duplicate(first: (u32, u32), second: Option<(u32, u32)>, ack: Seq) -> bool {
    let at_most = |a: u32, b: u32| Seq(b).since(Seq(a)) >= 0;
    let below = at_most(first.1, ack.0);
    below || second.is_some_and(|second| at_most(second.0, first.0) && at_most(first.1, second.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_2883_are_duplicates() {
        // Sections 4.1.1 and 4.1.2: below the acknowledgment. Section 4.2.1: within the second block.
        assert!(is_duplicate((3000, 3500), None, Seq(4000)));
        assert!(is_duplicate((3000, 3500), Some((4500, 5000)), Seq(4000)));
        assert!(is_duplicate((5000, 5500), Some((4500, 6000)), Seq(4000)));
        assert!(is_duplicate((3500, 4000), None, Seq(4000)));
        // A block that is news, also where numbers wrap around.
        assert!(!is_duplicate((4500, 5000), None, Seq(4000)));
        assert!(!is_duplicate((4500, 5000), Some((6000, 6500)), Seq(4000)));
        assert!(!is_duplicate((5, 20), None, Seq(u32::MAX - 5)) && is_duplicate((u32::MAX - 5, 5), None, Seq(5)));
    }
}
