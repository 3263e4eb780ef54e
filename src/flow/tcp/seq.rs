//! Sequence numbers: a circle of 2^32 (RFC 9293 section 3.4), laid out on a straight line of 64 bits.
//!
//! On the line the SYN has offset 0 and the first byte of data offset 1, however often the 32 bits wrap around.

/// Segments further than this from everything expected are no part of the stream. RFC 7323 section 2.3 allows windows up to
/// 2^30 bytes, so nothing further can be meant.
pub(super) const REACH: i64 = 1 << 30;

/// A number on the circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::flow) struct Seq(pub(in crate::flow) u32);

impl Seq {
    /// The number `by` steps on.
    pub(in crate::flow) const fn plus(self, by: u32) -> Self {
        Self(self.0.wrapping_add(by))
    }

    /// The number `by` steps back.
    pub(in crate::flow) const fn minus(self, by: u32) -> Self {
        Self(self.0.wrapping_sub(by))
    }

    /// Steps from `earlier` to this one, at most half the circle either way (RFC 1982 section 3.2).
    pub(in crate::flow) const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }

    /// The offset of this number on the line that starts at `origin`, as near to the offset `near` as it can be. Negative
    /// before the origin.
    pub(in crate::flow) const fn offset(self, origin: Self, near: u64) -> i64 {
        let at_near = origin.plus(near as u32);
        (near as i64).saturating_add(self.since(at_near) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn offsets_are_found_again_after_any_number_of_wraps(origin: u32, offset in 0i64..1 << 40, error in -REACH..REACH) {
            let seq = Seq(origin).plus(offset as u32);
            let near = (offset + error).max(0) as u64;
            prop_assert_eq!(seq.offset(Seq(origin), near), offset);
        }
    }

    #[test]
    fn order_goes_through_zero() {
        assert_eq!(Seq(5).since(Seq(u32::MAX)), 6);
        assert_eq!(Seq(u32::MAX).since(Seq(5)), -6);
    }
}
