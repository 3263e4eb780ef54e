//! Times, durations and sizes as people type them: `--from`, `--to`, `--duration`, `-G`, `-C`, `--keep-bytes`.

use super::errors::{Problem, shown};
use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike};
use sockeye::engine::select::Bound;
use sockeye::model::{Span, Timestamp};
use sockeye::output::line::{NamedZone, Zone};
use std::time::{Duration, SystemTime};

/// The zone that `--utc` and `--tz` ask for; without them the system's, which obeys TZ.
pub(crate) fn zone(utc: bool, tz: Option<&str>) -> Result<Zone, Problem> {
    match tz {
        _ if utc => Ok(Zone::Utc),
        None => Ok(Zone::Local),
        Some(name) => NamedZone::find(name).map(Zone::Named).ok_or_else(|| unknown_zone(name)),
    }
}

/// The moment of a bare date and time in a zone; of two (clocks set back) the earlier.
fn moment(zone: &Zone, at: NaiveDateTime) -> Option<Timestamp> {
    let utc = match zone {
        Zone::Local => Local.from_local_datetime(&at).earliest()?.to_utc(),
        Zone::Utc => at.and_utc(),
        Zone::Named(zone) => DateTime::from_timestamp(zone.earliest(at.and_utc().timestamp())?, at.nanosecond())?,
    };
    utc.timestamp_nanos_opt().map(Timestamp::from_nanos)
}

fn day_of(zone: &Zone, at: Timestamp) -> NaiveDate {
    let local = at + Span::from_secs(i64::from(zone.offset_at(at.seconds())));
    DateTime::from_timestamp_nanos(local.nanos()).date_naive()
}

/// When a file was written, for people: `today 21:11`, else the date.
pub(crate) fn ago(at: SystemTime) -> String {
    let at: DateTime<Local> = at.into();
    let day = if at.date_naive() == Local::now().date_naive() { "today".to_owned() } else { at.format("%Y-%m-%d").to_string() };
    format!("{day} {}", at.format("%H:%M"))
}

fn unknown_zone(name: &str) -> Problem {
    let near = super::words::nearest(name, NamedZone::names().map(str::to_owned))
        .map_or_else(String::new, |known| format!("; did you mean {known}?"));
    Problem::usage(format!("--tz: no time zone \"{}\"{near}", shown(name)))
}

/// The time of day, for messages.
pub(crate) fn clock_now() -> String {
    Local::now().format("%H:%M:%S").to_string()
}

/// A moment as `--from` and `--to` take it.
pub(crate) fn bound(flag: &str, text: &str, zone: &Zone) -> Result<Bound, Problem> {
    let text = text.trim();
    if let Some(moment) = seconds(text).or_else(|| rfc3339(text)).or_else(|| date_and_time(text, zone)) {
        return Ok(Bound::At(moment));
    }
    if let Ok(time) = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")) {
        let zone = zone.clone();
        return Ok(Bound::OnDayOf(std::sync::Arc::new(move |first| {
            moment(&zone, day_of(&zone, first).and_time(time)).unwrap_or(first)
        })));
    }
    Err(Problem::usage(format!("{flag}: \"{}\" is no time", shown(text))).help(
        "write 2026-11-20T21:11:20Z, \"2026-11-20 21:11:20.5\", 21:11:20 (on the day of the first packet) or seconds since 1970",
    ))
}

/// Seconds since 1970, with any fraction, exactly.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.parse().ok().map(|s| Timestamp::from_parts(s, nanos))
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().map(Timestamp::from_nanos)
}

fn date_and_time(text: &str, zone: &Zone) -> Option<Timestamp> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let at = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    moment(zone, at.or_else(day)?)
}

/// A length of time: `30s`, `5m`, `1h`, `500ms`, `1.5s`; a bare number is seconds.
pub(crate) fn span(flag: &str, text: &str) -> Result<Span, Problem> {
    let wrong = || Problem::usage(format!("{flag}: \"{}\" is no length of time; write 30s, 5m, 1h or 500ms", shown(text)));
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    let seconds: f64 = number.parse().map_err(|_| wrong())?;
    let span = Duration::try_from_secs_f64(seconds * factor).ok().and_then(|span| i64::try_from(span.as_nanos()).ok());
    match span {
        None => Err(Problem::usage(format!("{flag}: \"{}\" is longer than 292 years", shown(text)))),
        Some(0) => Err(wrong()),
        Some(1..1_000_000) => Err(Problem::usage(format!("{flag}: \"{}\" is less than a millisecond", shown(text)))),
        Some(nanos) => Ok(Span::from_nanos(nanos)),
    }
}

/// A size in bytes: a number of `unit`s, or of KiB, MiB, GiB with `k`, `m`, `g`.
pub(crate) fn size(flag: &str, text: &str, unit: u64) -> Result<u64, Problem> {
    let unit = match text.chars().last().map(|c| c.to_ascii_lowercase()) {
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        _ => unit,
    };
    let number = text.strip_suffix(|c: char| "kmg".contains(c.to_ascii_lowercase())).unwrap_or(text);
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let bytes = if digits { number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)) } else { None };
    let whole = if number.contains('.') { "; no fractions" } else { "" };
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| Problem::usage(format!("{flag}: \"{}\" is no size; write 100m, 2g or 512k{whole}", shown(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<i64> {
        match bound("--from", text, &Zone::Utc) {
            Ok(Bound::At(moment)) => Some(moment.nanos()),
            Ok(Bound::OnDayOf(find)) => Some(find(Timestamp::from_parts(1_795_209_080, 0)).nanos()),
            Err(_) => None,
        }
    }

    #[test]
    fn moments_in_every_form() {
        let wanted = Some(1_795_209_080_500_000_000);
        for text in [
            "1795209080.5",
            "2026-11-20T21:11:20.5Z",
            "2026-11-20T22:11:20.5+01:00",
            "2026-11-20 21:11:20.5",
            "2026-11-20T21:11:20.5",
            "21:11:20.5",
        ] {
            assert_eq!(at(text), wanted, "{text}");
        }
        assert_eq!(at("2026-11-20"), Some(1_795_132_800_000_000_000));
        for text in ["", "yesterday", "25:00:00", "2026-13-01", "1.2.3"] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1", 1_000_000), ("512k", 512 << 10), ("3M", 3 << 20), ("2g", 2 << 30)] {
            assert_eq!(size("-C", text, 1_000_000).unwrap(), bytes, "{text}");
        }
        assert_eq!(size("--keep-bytes", "4096", 1).unwrap(), 4096);
        for text in ["", "0", "k", "-1", "+1", "1.5m", "1kb", "99999999999999g"] {
            assert!(size("-C", text, 1_000_000).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_of_time() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("1.5", 1500), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(span("--duration", text).unwrap(), Span::from_millis(millis), "{text}");
        }
        for text in ["", "s", "-1s", "1y", "0", "1e400s", "0.000000001", "0.5ms"] {
            assert!(span("--duration", text).is_err(), "{text}");
        }
        assert_eq!(span("-G", "1000000d").unwrap_err().to_string(), "-G: \"1000000d\" is longer than 292 years\n");
    }
}
