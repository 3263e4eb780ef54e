//! The time in front of a line. The zone's offset is asked for once per second of packet time, not once per packet.

use super::options::{LineOptions, TimeFormat};
use super::text::Text;
use crate::model::Timestamp;

/// What has to be remembered between lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Time of the packet that deltas count from: the first printed, or the one printed before.
    reference: Option<Timestamp>,
    /// A second since the epoch, and the date and time of day then: what the last line worked out.
    cached: Option<(i64, Civil)>,
}

/// A moment as calendars and clocks show it.
#[derive(Clone, Copy, Debug)]
struct Civil {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

const DAY: i64 = 86_400;

impl Clock {
    /// Writes the time of a packet, and the space after it.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, ts: Timestamp, options: &LineOptions) {
        match options.time {
            TimeFormat::None => return,
            TimeFormat::Clock => {
                time_of_day(line, self.civil(ts, options));
                fraction(line, ts, options);
            }
            TimeFormat::Date => {
                let civil = self.civil(ts, options);
                line.dec_wide(civil.year.unsigned_abs(), 4);
                line.push(b'-');
                line.dec_wide(civil.month, 2);
                line.push(b'-');
                line.dec_wide(civil.day, 2);
                line.push(b' ');
                time_of_day(line, civil);
                fraction(line, ts, options);
            }
            TimeFormat::Epoch => {
                if ts.seconds() < 0 {
                    line.push(b'-');
                }
                line.dec(ts.seconds().unsigned_abs());
                fraction(line, ts, options);
            }
            TimeFormat::DeltaPrevious => {
                delta(line, self.reference(ts), ts, options);
                self.reference = Some(ts);
            }
            TimeFormat::DeltaFirst => delta(line, self.reference(ts), ts, options),
        }
        line.push(b' ');
    }

    /// The moment that deltas count from: this packet's, if there is none yet. The epoch is as good as none (formats without
    /// times have it, and tcpdump does so too).
    fn reference(&mut self, ts: Timestamp) -> Timestamp {
        let known = self.reference.filter(|known| known.nanos() != 0);
        *self.reference.insert(known.unwrap_or(ts))
    }

    fn civil(&mut self, ts: Timestamp, options: &LineOptions) -> Civil {
        let second = ts.seconds();
        if let Some((at, civil)) = self.cached
            && at == second
        {
            return civil;
        }
        let civil = Civil::at(second + i64::from(options.zone.offset_at(second)));
        self.cached = Some((second, civil));
        civil
    }
}

impl Civil {
    /// The date and time `seconds` after the epoch in the proleptic Gregorian calendar: years are counted from 1 March,
    /// so that a leap day is the last of its year, in eras of 400 years, which all have the same number of days.
    fn at(seconds: i64) -> Self {
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = day + 719_468; // days from 0000-03-01 to 1970-01-01
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: month as u8,
            day: (of_year - (153 * march_month + 2) / 5 + 1) as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
        }
    }
}

fn time_of_day(line: &mut Vec<u8>, civil: Civil) {
    let two = |n: u8| [b'0' + n / 10, b'0' + n % 10];
    let ([h, hh], [m, mm], [s, ss]) = (two(civil.hour), two(civil.minute), two(civil.second));
    line.extend_from_slice(&[h, hh, b':', m, mm, b':', s, ss]);
}

fn fraction(line: &mut Vec<u8>, ts: Timestamp, options: &LineOptions) {
    line.push(b'.');
    if options.nano {
        line.dec_wide(ts.subsec_nanos(), 9);
    } else {
        line.dec_wide(ts.subsec_nanos() / 1000, 6);
    }
}

/// The time from `from` to `to`, in the precision that is shown, with a sign's place in front.
fn delta(line: &mut Vec<u8>, from: Timestamp, to: Timestamp, options: &LineOptions) {
    let shown = |t: Timestamp| if options.nano { t } else { Timestamp::from_nanos(t.nanos().div_euclid(1000) * 1000) };
    let (from, to) = (shown(from), shown(to));
    line.push(if to < from { b'-' } else { b' ' });
    let span = Timestamp::from_nanos((to - from).nanos().saturating_abs());
    let civil = Civil::at(span.seconds());
    time_of_day(line, civil);
    fraction(line, span, options);
}
