//! What a field is compared with: numbers with their units, lengths of time, moments, addresses, words; each read by the kind of the field.

use super::error::{Fault, nearest};
use super::subject::Subject;
use crate::flow::FlowId;
use crate::flow::fields::{Kind, Unit};
use crate::model::{IpProtocol, Network, Span, Timestamp, short};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use std::net::IpAddr;
use std::ops::Range;

/// A value as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// A number, or all from one to another.
    Number(u64, u64),
    /// A length of time.
    Span(Span),
    /// A moment.
    Time(Timestamp),
    /// A time of day (UTC), nanoseconds.
    Clock(i64),
    /// An address, or the network of a prefix of so many bits.
    Net(IpAddr, u8),
    /// A word, as [`plain`] has it.
    Word(String),
    /// A text, letter by letter.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A protocol.
    Protocol(IpProtocol),
    /// A flow.
    Id(FlowId),
}

/// A word without what makes no difference: capitals, and blanks and hyphens in place of underscores.
pub(super) fn plain(word: &str) -> String {
    word.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Reads a value for a subject.
pub(super) fn read(subject: Subject, text: &str, span: &Range<usize>) -> Result<Wanted, Fault> {
    match subject.kind() {
        Kind::Number | Kind::Numbers => number(text, subject.unit()).map_err(|why| refused(text, span, why)),
        Kind::Span => length(text).map(Wanted::Span).map_err(|why| refused(text, span, why)),
        Kind::Time => moment(text).ok_or_else(|| {
            refused(
                text,
                span,
                ("a time", "write 2026-11-20T21:11:20Z, \"2026-11-20 21:11:20\" (UTC), 21:11:20 or seconds since 1970"),
            )
        }),
        Kind::Ip => net(text, span),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Wanted::Bool(true)),
            "false" | "no" | "0" => Ok(Wanted::Bool(false)),
            _ => Err(refused(text, span, ("yes or no", "write: true or false"))),
        },
        Kind::Protocol => protocol(text, span),
        Kind::Id => text
            .to_ascii_lowercase()
            .parse()
            .map(Wanted::Id)
            .map_err(|_| refused(text, span, ("an ID", "c1 is the first TCP connection, u1 the first conversation of UDP"))),
        Kind::Text | Kind::Texts | Kind::Objects => Ok(Wanted::Text(text.to_owned())),
        Kind::Word | Kind::Words => {
            let word = plain(text);
            match subject.words() {
                Some(known) if !known.iter().any(|k| plain(k) == word) => {
                    let what = format!("\"{}\" is none of its words", short(text, 40));
                    let near = nearest(&text.to_ascii_lowercase().replace(['-', ' '], "_"), known.iter().copied());
                    let hint =
                        near.map_or_else(|| format!("one of: {}", known.join(", ")), |near| format!("did you mean {near}?"));
                    Err(Fault::at(span.clone(), what).hint(hint))
                }
                _ => Ok(Wanted::Word(word)),
            }
        }
    }
}

fn refused(text: &str, span: &Range<usize>, (what, write): (&str, &str)) -> Fault {
    Fault::at(span.clone(), format!("\"{}\" is not {what}", short(text, 40))).hint(write)
}

/// Why a text is no such value: what it would have to be, and what to write.
type Why = (&'static str, &'static str);

fn number(text: &str, unit: Unit) -> Result<Wanted, Why> {
    let why = match unit {
        Unit::Bytes => ("a number of bytes", "write 1500, 64kB, 1MB, 2GB, or KiB, MiB, GiB for powers of two"),
        Unit::Packets => ("a number of packets", "write 10, 5k or 1M"),
        _ => ("a number", "write digits alone, as in 443, or 8000-8100 for all between"),
    };
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).map(|n| Wanted::Number(n, n)).map_err(|_| why);
    }
    if let Some((from, to)) = text.split_once('-') {
        let (from, to) = (scaled(from, unit).ok_or(why)?, scaled(to, unit).ok_or(why)?);
        return if from <= to { Ok(Wanted::Number(from, to)) } else { Err(("a range: it begins above its end", why.1)) };
    }
    scaled(text, unit).map(|n| Wanted::Number(n, n)).ok_or(why)
}

/// A number with a unit behind it, exactly: `1.5MB` is 1,500,000.
fn scaled(text: &str, unit: Unit) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    let factor = match (unit, suffix.to_ascii_lowercase().as_str()) {
        (_, "") | (Unit::Bytes, "b") => 1,
        (Unit::Bytes | Unit::Packets, "k") | (Unit::Bytes, "kb") => 1_000,
        (Unit::Bytes | Unit::Packets, "m") | (Unit::Bytes, "mb") => 1_000_000,
        (Unit::Bytes | Unit::Packets, "g") | (Unit::Bytes, "gb") => 1_000_000_000,
        (Unit::Bytes, "tb" | "t") => 1_000_000_000_000,
        (Unit::Bytes, "kib") => 1 << 10,
        (Unit::Bytes, "mib") => 1 << 20,
        (Unit::Bytes, "gib") => 1 << 30,
        _ => return None,
    };
    exactly(digits, factor)
}

/// A decimal number times a factor, where that is a whole number.
fn exactly(digits: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || fraction.len() > 18
        || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        || fraction.contains('.')
    {
        return None;
    }
    let shift = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let number: u128 = format!("{whole}{fraction}").parse().ok()?;
    let product = number.checked_mul(u128::from(factor))?;
    (product % shift == 0).then(|| u64::try_from(product / shift).ok())?
}

fn length(text: &str) -> Result<Span, Why> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let nanos = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "" if !digits.is_empty() => return Err(("a length of time without its unit", "write 100ms, 2s or 5min")),
        _ => return Err(("a length of time", "write 100ms, 2s or 5min; units are ns us ms s min h d")),
    };
    let long = ("a length of time that can be", "292 years are the most");
    let wrong = ("a length of time", "write 100ms, 2s or 5min");
    if digits.parse::<f64>().is_err() {
        return Err(wrong);
    }
    let nanos = exactly(digits, nanos).ok_or(long)?;
    i64::try_from(nanos).map(Span::from_nanos).map_err(|_| long)
}

fn moment(text: &str) -> Option<Wanted> {
    let at = |nanos: Option<i64>| nanos.map(|nanos| Wanted::Time(Timestamp::from_nanos(nanos)));
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return at(moment.timestamp_nanos_opt());
    }
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    if let Some(moment) = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
        return at(moment.and_utc().timestamp_nanos_opt());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return at(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt());
    }
    if let Ok(clock) = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")) {
        return Some(Wanted::Clock(i64::from(clock.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(clock.nanosecond())));
    }
    at(exactly(text, 1_000_000_000).and_then(|nanos| i64::try_from(nanos).ok()))
}

fn net(text: &str, span: &Range<usize>) -> Result<Wanted, Fault> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else {
        let fault = refused(text, span, ("an address", "write 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32"));
        let octets: Option<Vec<u8>> = address.split('.').map(|part| part.parse().ok()).collect();
        return Err(match octets {
            Some(octets) if octets.len() < 4 => {
                let zeros = ".0".repeat(4 - octets.len());
                fault.hint(format!("write: {address}{zeros}/{}", octets.len() * 8))
            }
            _ if address.chars().any(|c| c.is_ascii_alphabetic()) && !address.contains(':') => {
                fault.hint("names are not looked up; write an address, as in 192.0.2.1")
            }
            _ => fault,
        });
    };
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => all,
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= all).ok_or_else(|| {
            refused(text, span, ("a network", "the number behind / says how many bits count: 32 at most, 128 of IPv6"))
        })?,
    };
    Ok(Wanted::Net(address, bits))
}

fn protocol(text: &str, span: &Range<usize>) -> Result<Wanted, Fault> {
    let lower = text.to_ascii_lowercase();
    let lower = if lower == "icmpv6" { "icmp6".to_owned() } else { lower };
    let named = (0..=255).map(IpProtocol).find(|protocol| protocol.name() == Some(lower.as_str()));
    let number = || lower.strip_prefix("ip-proto-").unwrap_or(&lower).parse().ok().map(IpProtocol);
    named.or_else(number).map(Wanted::Protocol).ok_or_else(|| {
        let names = (0..=255).filter_map(|n| IpProtocol(n).name());
        let near = nearest(&lower, names).map_or_else(
            || "write tcp, udp, icmp, sctp or a number up to 255".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        Fault::at(span.clone(), format!("\"{}\" is no protocol", short(text, 40))).hint(near)
    })
}

/// Is an address in a network?
pub(super) fn within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    Network::new(net, bits).contains(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        let bytes = |text| number(text, Unit::Bytes).ok();
        for (text, n) in [("0", 0), ("1MB", 1_000_000), ("1.5kB", 1500), ("2KiB", 2048), ("3g", 3_000_000_000), ("0x10", 16)] {
            assert_eq!(bytes(text), Some(Wanted::Number(n, n)), "{text}");
        }
        assert_eq!(number("8000-8100", Unit::None), Ok(Wanted::Number(8000, 8100)));
        for text in ["", "k", "1.0001kB", "-5", "5-", "9-1", "1e3", "99999999999999999999", "1.2.3", "0xg"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert!(number("5kB", Unit::Packets).is_err() && number("5k", Unit::None).is_err());
    }

    #[test]
    fn lengths_of_time_need_their_unit() {
        for (text, nanos) in
            [("100ms", 100_000_000), ("1.5s", 1_500_000_000), ("2min", 120_000_000_000), ("7µs", 7_000), ("9ns", 9)]
        {
            assert_eq!(length(text), Ok(Span::from_nanos(nanos)), "{text}");
        }
        assert_eq!(length("100").unwrap_err().0, "a length of time without its unit");
        for text in ["", "ms", "1y", "-1s", "1.5ns", "99999999999d"] {
            assert!(length(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments() {
        let wanted = Some(Wanted::Time(Timestamp::from_nanos(1_795_209_080_500_000_000)));
        for text in ["2026-11-20T21:11:20.5Z", "2026-11-20T22:11:20.5+01:00", "2026-11-20 21:11:20.5", "1795209080.5"] {
            assert_eq!(moment(text), wanted, "{text}");
        }
        assert_eq!(moment("21:11"), Some(Wanted::Clock(76_260_000_000_000)));
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, net, bits, inside) in [
            ("10.1.2.3", "10.0.0.0", 8, true),
            ("11.1.2.3", "10.0.0.0", 8, false),
            ("1.2.3.4", "1.2.3.4", 32, true),
            ("1.2.3.4", "9.9.9.9", 0, true),
            ("2001:db8::1", "2001:db8::", 32, true),
            ("::1", "::2", 128, false),
            ("10.0.0.1", "::", 0, false),
        ] {
            assert_eq!(within(ip(address), ip(net), bits), inside, "{address} {net}/{bits}");
        }
        assert_eq!(net("10.1", &(0..4)).unwrap_err().hint.as_deref(), Some("write: 10.1.0.0/16"));
        assert!(
            net("10.0.0.0/33", &(0..1)).is_err() && net("example.org", &(0..1)).unwrap_err().hint.unwrap().contains("looked up")
        );
    }
}
