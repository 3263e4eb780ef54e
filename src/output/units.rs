//! Numbers, sizes, lengths of time and moments as text. Every output takes its figures from here, so that the same
//! quantity looks the same everywhere.
//!
//! Sizes are decimal (1 kB = 1000 bytes) with three significant digits. Moments are UTC. Nothing here looks at a
//! clock, a locale or a time zone.

use crate::model::{Span, Timestamp};
use chrono::{DateTime, Datelike, Timelike, Utc};

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// A number of bytes: `73 B`, `1.50 MB`, `120 kB`. Three significant digits from 1 kB on.
#[must_use]
pub fn bytes(n: u64) -> String {
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    for unit in UNITS {
        let text = three_digits(value);
        if text != "1000" {
            return format!("{text} {unit}");
        }
        value /= 1000.0;
    }
    unreachable!("u64 ends at 18.4 EB")
}

/// Three significant digits, or `1000` when the value belongs to the next unit.
fn three_digits(value: f64) -> String {
    // What rounds up to the next digit loses a decimal: 9.996 is 10.0.
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else if value < 999.5 {
        format!("{value:.0}")
    } else {
        "1000".to_owned()
    }
}

/// A count with thousands separators: `1,951`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 packet`, `1,951 packets`. The plural is made with an `s`.
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A short length of time with its unit after a blank: `22.5 ms`, `0.03 ms`, `11.3 s`, `12 min 5 s`.
///
/// Milliseconds below one second, with three significant digits and at most two decimals; below 0.01 ms three
/// decimals, and `<0.001 ms` for less than a microsecond. Negative lengths keep their sign.
#[must_use]
pub fn duration(span: Span) -> String {
    let (number, unit) = duration_parts(span);
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// The same for a narrow column, without the blank: `22.5ms`, `11.3s`.
#[must_use]
pub fn duration_tight(span: Span) -> String {
    let (number, unit) = duration_parts(span);
    format!("{}{unit}", number.replace(' ', ""))
}

fn duration_parts(span: Span) -> (String, &'static str) {
    if span.nanos() < 0 {
        let (number, unit) = duration_parts(Span::from_nanos(span.nanos().saturating_neg()));
        return (format!("-{number}"), unit);
    }
    let ms = span.nanos() as f64 / 1e6;
    if ms == 0.0 {
        return ("0".to_owned(), "ms");
    }
    if ms < 0.001 {
        return ("<0.001".to_owned(), "ms");
    }
    if ms < 0.01 {
        return (format!("{ms:.3}"), "ms");
    }
    let text = three_digits(ms);
    if text != "1000" {
        return (text, "ms");
    }
    let seconds = ms / 1000.0;
    if seconds < 99.95 {
        return (three_digits(seconds), "s");
    }
    (long_parts(seconds.round() as u64), "")
}

/// `1 min 40 s`, `3 h 12 min`, `2 d 5 h`: the two largest units.
fn long_parts(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{} d {hours} h", count(days))
    } else if hours > 0 {
        format!("{hours} h {minutes} min")
    } else {
        format!("{minutes} min {} s", seconds % 60)
    }
}

/// The length of a capture: `15.388 s`; below one second and from 100 seconds on as [`duration`] says it.
#[must_use]
pub fn capture_length(span: Span) -> String {
    let seconds = span.as_secs_f64();
    if (1.0..99.9995).contains(&seconds) { format!("{seconds:.3} s") } else { duration(span) }
}

/// A moment's date and time of day in UTC. Years 1677 to 2262, all that a [`Timestamp`] can hold.
fn utc(ts: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ts.nanos())
}

/// The moment rounded to the millisecond, half up.
fn rounded_to_millis(ts: Timestamp) -> Timestamp {
    let rest = ts.nanos().rem_euclid(1_000_000);
    let down = ts.nanos().saturating_sub(rest);
    Timestamp::from_nanos(if rest >= 500_000 { down.saturating_add(1_000_000) } else { down })
}

/// `2026-11-20 21:11:20.520`, UTC, rounded to the millisecond.
#[must_use]
pub fn date_time(ts: Timestamp) -> String {
    let t = utc(rounded_to_millis(ts));
    format!("{} {}", date(t), clock_millis(t))
}

/// From when to when, UTC: `2026-11-20 21:11:20.520 to 21:11:35.908`. The second date stands there only where it
/// differs from the first.
#[must_use]
pub fn time_range(from: Timestamp, to: Timestamp) -> String {
    let (a, b) = (utc(rounded_to_millis(from)), utc(rounded_to_millis(to)));
    let mut text = format!("{} {} to ", date(a), clock_millis(a));
    if a.date_naive() != b.date_naive() {
        text.push_str(&date(b));
        text.push(' ');
    }
    text.push_str(&clock_millis(b));
    text
}

/// Time of day in UTC with six digits: `21:11:20.519936`.
#[must_use]
pub fn clock_micros(ts: Timestamp) -> String {
    let t = utc(ts);
    format!("{:02}:{:02}:{:02}.{:06}", t.hour(), t.minute(), t.second(), ts.subsec_nanos() / 1000)
}

fn date(t: DateTime<Utc>) -> String {
    format!("{:04}-{:02}-{:02}", t.year(), t.month(), t.day())
}

fn clock_millis(t: DateTime<Utc>) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", t.hour(), t.minute(), t.second(), t.timestamp_subsec_millis())
}

/// Columns that a text takes on a terminal: its characters, for all that tables hold is ASCII, arrows and ellipses
/// (captured text is made harmless first, see [`super::style::clean`], and stands in no column).
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// A packet's number as people write it: `#14`, or `2#14` in the second of several files. `file` counts from 0.
#[must_use]
pub fn packet_number(file: Option<u16>, number: u64) -> String {
    match file {
        Some(file) => format!("{}#{number}", u32::from(file) + 1),
        None => format!("#{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (73, "73 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (1500, "1.50 kB"),
            (9_994, "9.99 kB"),
            (9_995, "10.0 kB"),
            (99_950, "100 kB"),
            (120_000, "120 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (1_500_064, "1.50 MB"),
            (64_000_000, "64.0 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (n, text) in cases {
            assert_eq!(bytes(n), text, "{n}");
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!((counted(1, "packet"), counted(0, "packet")), ("1 packet".into(), "0 packets".into()));
    }

    #[test]
    fn lengths_of_time_are_short() {
        let cases = [
            (0, "0 ms", "0ms"),
            (300, "<0.001 ms", "<0.001ms"),
            (8_200, "0.008 ms", "0.008ms"),
            (31_000, "0.03 ms", "0.03ms"),
            (1_234_000, "1.23 ms", "1.23ms"),
            (22_530_000, "22.5 ms", "22.5ms"),
            (184_400_000, "184 ms", "184ms"),
            (999_600_000, "1.00 s", "1.00s"),
            (11_300_000_000, "11.3 s", "11.3s"),
            (99_960_000_000, "1 min 40 s", "1min40s"),
            (3_725_000_000_000, "1 h 2 min", "1h2min"),
            (180_000_000_000_000, "2 d 2 h", "2d2h"),
            (-31_000, "-0.03 ms", "-0.03ms"),
        ];
        for (nanos, text, tight) in cases {
            assert_eq!(duration(Span::from_nanos(nanos)), text, "{nanos}");
            assert_eq!(duration_tight(Span::from_nanos(nanos)), tight, "{nanos}");
        }
        assert_eq!(duration(Span::from_nanos(i64::MIN)), "-106,751 d 23 h");
    }

    #[test]
    fn moments_are_utc_and_rounded() {
        let t = Timestamp::from_parts(1_795_209_080, 519_936_000);
        assert_eq!(date_time(t), "2026-11-20 21:11:20.520");
        assert_eq!(clock_micros(t), "21:11:20.519936");
        // Rounding may reach the next day.
        assert_eq!(date_time(Timestamp::from_parts(86_399, 999_500_000)), "1970-01-02 00:00:00.000");
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        assert_eq!(date_time(Timestamp::MAX), "2262-04-11 23:47:16.854");
        assert_eq!(date_time(Timestamp::from_nanos(i64::MIN)), "1677-09-21 00:12:43.145");
    }

    #[test]
    fn a_range_names_the_second_day_only_when_it_is_another() {
        let t = Timestamp::from_parts(1_795_209_080, 519_936_000);
        assert_eq!(time_range(t, t + Span::from_millis(15_388)), "2026-11-20 21:11:20.520 to 21:11:35.908");
        assert_eq!(time_range(t, t + Span::from_secs(86_400)), "2026-11-20 21:11:20.520 to 2026-11-21 21:11:20.520");
        assert_eq!(capture_length(Span::from_millis(15_388)), "15.388 s");
        assert_eq!(capture_length(Span::from_secs(7200)), "2 h 0 min");
        assert_eq!(capture_length(Span::from_millis(45)), "45.0 ms");
    }
}
