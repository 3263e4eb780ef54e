//! The time in front of a line. The zone's offset is asked for once per second of packet time, not once per packet.

use super::options::{LineOptions, TimeFormat};
use crate::model::Timestamp;
use crate::output::text::{Civil, Text};

/// What has to be remembered between lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Time of the packet that deltas count from: the first printed, or the one printed before.
    reference: Option<Timestamp>,
    /// A second since the epoch, and the date and time of day then: what the last line worked out.
    cached: Option<(i64, Civil)>,
}

impl Clock {
    /// Writes the time of a packet, and the space after it.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, ts: Timestamp, options: &LineOptions) {
        match options.time {
            TimeFormat::None => return,
            TimeFormat::Clock => {
                self.civil(ts, options).time_of_day(line);
                fraction(line, ts, options);
            }
            TimeFormat::Date => {
                let civil = self.civil(ts, options);
                civil.date(line);
                line.push(b' ');
                civil.time_of_day(line);
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
    Civil::at(span.seconds()).time_of_day(line);
    fraction(line, span, options);
}
