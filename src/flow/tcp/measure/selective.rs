//! The options that are measured: window scale, timestamps, SACK blocks, and whether the first of those reports bytes that
//! were received twice.

use crate::decode::{TcpOption, TcpOptions};
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::seq::Seq;

/// What a packet's options say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// As sent, also above 14.
    pub(super) scale: Option<u8>,
    /// `TSval` and `TSecr`.
    pub(super) timestamps: Option<(u32, u32)>,
    /// There is at least one SACK block.
    pub(super) sack: bool,
    /// The first reports a duplicate.
    pub(super) dsack: bool,
}

impl Options {
    /// Reads options up to the first that makes no sense.
    pub(super) fn of(segment: &Segment<'_>) -> Self {
        let mut options = Self::default();
        for option in TcpOptions::new(segment.options).map_while(Result::ok) {
            match option {
                TcpOption::WindowScale(scale) => options.scale = Some(scale),
                TcpOption::Timestamps { value, echo } => options.timestamps = Some((value, echo)),
                TcpOption::Sack(blocks) => {
                    let mut blocks = blocks.iter();
                    options.sack = true;
                    options.dsack = blocks.next().is_some_and(|first| is_duplicate(first, blocks.next(), segment.ack));
                }
                _ => {}
            }
        }
        options
    }
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
