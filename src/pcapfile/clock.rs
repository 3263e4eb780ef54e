//! pcapng time: ticks of any decimal or binary resolution, plus an offset, to nanoseconds since the epoch.

use crate::model::Timestamp;

const NANOS: i128 = 1_000_000_000;

/// The clock of one interface: `if_tsresol` and `if_tsoffset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Nanoseconds added to every time.
    offset: i128,
    /// Ticks up to here need no more than 64-bit arithmetic.
    plain: Option<Plain>,
}

/// Length of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// 10^-k seconds.
    Decimal(u8),
    /// 2^-k seconds.
    Binary(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plain {
    multiplier: u64,
    offset: i64,
    most: u64,
}

impl Default for Clock {
    /// Microseconds, as pcapng has it where nothing is said.
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl Clock {
    /// From the byte of `if_tsresol` and the seconds of `if_tsoffset`.
    pub(super) fn new(resolution: u8, offset_seconds: i64) -> Self {
        let unit = if resolution & 0x80 == 0 { Unit::Decimal(resolution) } else { Unit::Binary(resolution & 0x7f) };
        let offset = i128::from(offset_seconds) * NANOS;
        let plain = match (unit, i64::try_from(offset)) {
            (Unit::Decimal(k @ 0..=9), Ok(offset)) => {
                let multiplier = 10_u64.pow(9 - u32::from(k));
                let room = i64::MAX - offset.max(0);
                Some(Plain { multiplier, offset, most: room as u64 / multiplier })
            }
            _ => None,
        };
        Self { unit, offset, plain }
    }

    /// The moment that so many ticks mean, rounded down to nanoseconds, clamped to what a [`Timestamp`] holds.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        match self.plain {
            Some(plain) if ticks <= plain.most => Timestamp::from_nanos((ticks * plain.multiplier) as i64 + plain.offset),
            _ => self.exact(ticks),
        }
    }

    fn exact(&self, ticks: u64) -> Timestamp {
        // ticks × 10^9 is below 2^94, so nothing here can overflow.
        let scaled = u128::from(ticks) * NANOS as u128;
        let nanos = match self.unit {
            Unit::Decimal(k) => 10_u128.checked_pow(u32::from(k)).map_or(0, |divisor| scaled / divisor),
            Unit::Binary(k) => scaled >> k,
        };
        let nanos = nanos as i128 + self.offset;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// Ticks per second, where that is a power of ten that fits.
    pub(super) fn ticks_per_second(&self) -> Option<u64> {
        match self.unit {
            Unit::Decimal(k) => 10_u64.checked_pow(k.into()),
            Unit::Binary(_) => None,
        }
    }

    /// Is the tick so short that 64 bits of them, without an offset, do not reach the year 2000?
    pub(super) fn cannot_count_to_now(&self) -> bool {
        self.exact(u64::MAX).seconds() < 946_684_800
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: u8, offset: i64, ticks: u64) -> i64 {
        Clock::new(resolution, offset).time(ticks).nanos()
    }

    #[test]
    fn decimal_resolutions() {
        assert_eq!(nanos(0, 0, 7), 7_000_000_000);
        assert_eq!(nanos(6, 0, 1_700_000_000_123_456), 1_700_000_000_123_456_000);
        assert_eq!(nanos(9, 0, 1_700_000_000_123_456_789), 1_700_000_000_123_456_789);
        assert_eq!(nanos(12, 0, 1_123_456_789_012), 1_123_456_789);
        assert_eq!(nanos(25, 0, u64::MAX), 1844);
        assert_eq!(nanos(38, 0, u64::MAX), 0);
        assert_eq!(nanos(127, 0, u64::MAX), 0);
    }

    #[test]
    fn binary_resolutions() {
        assert_eq!(nanos(0x80, 0, 3), 3_000_000_000);
        assert_eq!(nanos(0x94, 0, 3 << 19), 1_500_000_000);
        assert_eq!(nanos(0xbf, 0, 3 << 62), 1_500_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
    }

    #[test]
    fn offsets_are_signed_seconds_and_nothing_overflows() {
        assert_eq!(nanos(6, -5, 1_000_000), -4_000_000_000);
        assert_eq!(nanos(9, 1000, 1), 1_000_000_000_001);
        assert_eq!(nanos(0, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(6, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(nanos(6, i64::MIN, 0), i64::MIN);
        assert_eq!(nanos(9, 9_000_000_000, 500_000_000_000_000_000), i64::MAX);
        assert_eq!(nanos(9, -10_000_000_000, u64::MAX), 8_446_744_073_709_551_615);
    }

    #[test]
    fn the_plain_path_agrees_with_the_exact_one_at_its_edge() {
        for resolution in 0..=9 {
            for offset in [0, -1000, 1000] {
                let clock = Clock::new(resolution, offset);
                let most = clock.plain.map_or(0, |p| p.most);
                for ticks in [0, 1, most - 1, most, most.saturating_add(1)] {
                    assert_eq!(clock.time(ticks), clock.exact(ticks), "10^-{resolution} + {offset} at {ticks}");
                }
            }
        }
    }

    #[test]
    fn resolutions_too_fine_for_a_date_are_noticed() {
        assert!(!Clock::new(9, 0).cannot_count_to_now());
        assert!(Clock::new(12, 0).cannot_count_to_now());
        assert!(!Clock::new(12, 1_700_000_000).cannot_count_to_now());
        assert!(Clock::new(0xbf, 0).cannot_count_to_now());
    }
}
