//! Moments and lengths of time as text: the calendar in UTC, RFC 3339, exact seconds.

use super::number::{eight_digits, shown, trailing_zeros};
use super::{Text, push};
use crate::model::{Span, Timestamp};

const DAY: i64 = 86_400;

/// A moment as calendars and clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

impl Civil {
    /// The date and time `seconds` after the epoch in the proleptic Gregorian calendar: years are counted from 1 March,
    /// so that a leap day is the last of its year, in eras of 400 years, which all have the same number of days.
    pub(crate) const fn at(seconds: i64) -> Self {
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = day + 719_468; // days from 0000-03-01 to 1970-01-01
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + (month <= 2) as i64,
            month: month as u8,
            day: (of_year - (153 * march_month + 2) / 5 + 1) as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
        }
    }

    /// Appends `2026-11-20`.
    pub(crate) fn date(self, line: &mut Vec<u8>) {
        line.dec_wide(self.year.unsigned_abs(), 4);
        let ([m, mm], [d, dd]) = (two(self.month), two(self.day));
        line.extend_from_slice(&[b'-', m, mm, b'-', d, dd]);
    }

    /// Appends `21:11:20`.
    pub(crate) fn time_of_day(self, line: &mut Vec<u8>) {
        let ([h, hh], [m, mm], [s, ss]) = (two(self.hour), two(self.minute), two(self.second));
        line.extend_from_slice(&[h, hh, b':', m, mm, b':', s, ss]);
    }
}

const fn two(n: u8) -> [u8; 2] {
    [b'0' + n / 10, b'0' + n % 10]
}

/// The calendar of those who write many moments: the date of a day is worked out once and then copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Days {
    /// Days since the epoch.
    day: i64,
    /// `2026-11-20T`
    text: [u8; 11],
}

impl Default for Days {
    fn default() -> Self {
        Self { day: 0, text: *b"1970-01-01T" }
    }
}

impl Days {
    /// Appends a moment by RFC 3339 with nine digits, UTC. All that can be held have four-digit years.
    pub(crate) fn rfc3339(&mut self, line: &mut Vec<u8>, ts: Timestamp) {
        let seconds = ts.seconds();
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY) as u32);
        if day != self.day {
            self.turn_to(day);
        }
        let mut text = *b"2026-11-20T21:11:20.519936000Z";
        text[..11].copy_from_slice(&self.text);
        let (minute, nanos) = (second / 60, ts.subsec_nanos());
        text[11..13].copy_from_slice(&two((minute / 60) as u8));
        text[14..16].copy_from_slice(&two((minute % 60) as u8));
        text[17..19].copy_from_slice(&two((second % 60) as u8));
        text[20] = b'0' + (nanos / 100_000_000) as u8;
        text[21..29].copy_from_slice(&shown(eight_digits(nanos % 100_000_000)).to_le_bytes());
        line.extend_from_slice(&text);
    }

    #[cold]
    fn turn_to(&mut self, day: i64) {
        let mut text = Vec::with_capacity(self.text.len());
        Civil::at(day * DAY).date(&mut text);
        text.push(b'T');
        if let Ok(text) = text.try_into() {
            *self = Self { day, text };
        }
    }
}

/// Appends exact seconds without zeros at the end.
pub(super) fn seconds(line: &mut Vec<u8>, span: Span) {
    let (nanos, size) = (span.nanos(), span.nanos().unsigned_abs());
    if nanos < 0 {
        line.push(b'-');
    }
    line.dec(size / 1_000_000_000);
    let fraction = (size % 1_000_000_000) as u32;
    if fraction == 0 {
        return;
    }
    // One digit, and eight of which those at the end may be zeros.
    let (first, rest) = (fraction / 100_000_000, eight_digits(fraction % 100_000_000));
    line.extend_from_slice(&[b'.', b'0' + first as u8]);
    push(line, shown(rest), 8 - trailing_zeros(rest));
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = Vec::new();
        write(&mut line);
        String::from_utf8(line).unwrap()
    }

    fn moment(ts: Timestamp) -> String {
        written(|line| Days::default().rfc3339(line, ts))
    }

    #[test]
    fn seconds_are_exact() {
        let cases = [
            (0, "0"),
            (22_499_000, "0.022499"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (-1_000_000_000, "-1"),
            (-20, "-0.00000002"),
            (i64::MIN, "-9223372036.854775808"),
        ];
        for (nanos, text) in cases {
            assert_eq!(written(|line| seconds(line, Span::from_nanos(nanos))), text);
        }
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(Timestamp::from_parts(1_795_209_080, 519_936_000)), "2026-11-20T21:11:20.519936000Z");
        assert_eq!(moment(Timestamp::from_nanos(-1)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(moment(Timestamp::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(moment(Timestamp::from_nanos(i64::MIN)), "1677-09-21T00:12:43.145224192Z");
    }

    proptest! {
        #[test]
        fn moments_are_those_of_chrono(nanos in any::<i64>()) {
            let wanted = DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Nanos, true);
            prop_assert_eq!(moment(Timestamp::from_nanos(nanos)), wanted);
        }

        #[test]
        fn a_date_is_that_of_its_day_whatever_came_before(moments in prop::collection::vec(-2..3_i64, 1..9), near in 0..i64::MAX / 2) {
            let mut days = Days::default();
            for away in moments {
                let ts = Timestamp::from_nanos(near + away * 43_200_000_000_000);
                prop_assert_eq!(written(|line| days.rfc3339(line, ts)), moment(ts));
            }
        }

        #[test]
        fn seconds_come_back(nanos in any::<i64>()) {
            let text = written(|line| seconds(line, Span::from_nanos(nanos)));
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert!(!fraction.ends_with('0'));
            let digits = format!("{whole}{fraction:0<9}");
            prop_assert_eq!(digits.parse::<i64>().unwrap(), nanos);
        }
    }
}
