//! When one file of a capture ends and the next begins, and how the files are called. Which of them are kept is in `keep.rs`.
//!
//! Time is that of the packets, and of the clock where none come. The k-th period begins `k` spans after the start; a file ends
//! with the period that it was begun in, and periods without packets have no file.

use crate::model::{Span, Timestamp};
use crate::output::write_error::WriteError;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Local};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// When files end, and which are kept. The default: one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes of a file, before compression: it ends before the packet that would make it larger. The counters at the end of a
    /// pcapng file come on top.
    pub bytes: Option<u64>,
    /// Length of a period.
    pub span: Option<Span>,
    /// Only so many files of this run are kept, the newest, the one being written included.
    pub keep_files: Option<u64>,
    /// Only so many bytes of this run's files are kept, of the newest ones.
    pub keep_bytes: Option<u64>,
}

impl Rotation {
    /// Files remembered to be removed later; of more, the oldest go at once.
    pub const MOST_KEPT: u64 = 1_000_000;

    /// Are there to be several files?
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.bytes.is_some() || self.span.is_some()
    }
}

/// The periods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periods {
    span: Option<Span>,
    /// Where the first begins, once that is known.
    start: Option<Timestamp>,
    /// Where the one at hand ends.
    until: Timestamp,
    /// The clock may be set back: then periods begin anew. Times of a file may be in any disorder.
    live: bool,
}

impl Periods {
    pub(super) fn new(span: Option<Span>, start: Option<Timestamp>, live: bool) -> Self {
        let until = start.zip(span).map_or(Timestamp::default(), |(start, span)| start + span);
        Self { span, start, until, live }
    }

    /// Has the period at hand ended at this time? Then the one that holds it is at hand.
    #[inline]
    pub(super) fn has_ended(&mut self, at: Timestamp) -> bool {
        match self.span {
            None => false,
            Some(span) => self.passed(at, span),
        }
    }

    fn passed(&mut self, at: Timestamp, span: Span) -> bool {
        let Some(start) = self.start else {
            self.start = Some(at);
            self.until = at + span;
            return false;
        };
        if at < self.until {
            // More than a late packet: a period and more before this one.
            if self.live && at < self.until - span - span {
                self.start = Some(at);
                self.until = at + span;
            }
            return false;
        }
        let gone = (i128::from(at.nanos()) - i128::from(start.nanos())) / i128::from(span.nanos().max(1)) + 1;
        let until = i128::from(start.nanos()) + gone * i128::from(span.nanos());
        self.until = Timestamp::from_nanos(i64::try_from(until).unwrap_or(i64::MAX));
        true
    }
}

/// Names of the files of a capture.
#[derive(Debug)]
pub(super) struct Names {
    pattern: PathBuf,
    /// The name holds `%`: it is expanded as by strftime(3), in local time.
    expanded: bool,
    number: u64,
    last: Option<PathBuf>,
    repeats: u64,
}

/// What a file may be called: the first of these names that is free.
#[derive(Clone, Debug)]
pub(super) struct Name {
    base: PathBuf,
    /// How often this base was given before.
    repeats: u64,
}

impl Names {
    pub(super) fn new(pattern: &Path, rotation: &Rotation) -> Result<Self, WriteError> {
        let text = pattern.to_str().filter(|text| rotation.is_on() && text.contains('%'));
        if text.is_some_and(|text| StrftimeItems::new(text).any(|item| item == Item::Error)) {
            let what = "a % in the name of a rotated file begins a part of the time, as in strftime(3); %% is a percent sign";
            return Err(WriteError::Name { path: pattern.to_owned(), what });
        }
        Ok(Self { pattern: pattern.to_owned(), expanded: text.is_some(), number: 0, last: None, repeats: 0 })
    }

    /// The file at hand has the name as given.
    pub(super) fn count_first(&mut self) {
        self.number = 1;
    }

    /// The name of a file that begins at this time.
    pub(super) fn next(&mut self, at: Timestamp) -> Name {
        self.number += 1;
        let local = DateTime::from_timestamp(at.seconds(), 0).unwrap_or_default().with_timezone(&Local);
        if !self.expanded {
            let (stem, ending) = split(&self.pattern);
            let mut base = stem;
            base.push(format!("_{:05}_{}", self.number, local.format("%Y%m%d%H%M%S")));
            base.push(ending);
            return Name { base: base.into(), repeats: 0 };
        }
        let base = PathBuf::from(local.format(self.pattern.to_str().unwrap_or_default()).to_string());
        self.repeats = if self.last.as_ref() == Some(&base) { self.repeats + 1 } else { 0 };
        self.last = Some(base.clone());
        Name { base, repeats: self.repeats }
    }
}

impl Name {
    /// A name that is not to be repeated.
    pub(super) fn of(path: &Path) -> Self {
        Self { base: path.to_owned(), repeats: 0 }
    }

    /// The name as it is, then with `_00002`, `_00003` … before its endings: so they sort as they were made.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PathBuf> + '_ {
        const MOST: u64 = 10_000;
        (self.repeats..self.repeats + MOST).map(|before| {
            if before == 0 {
                return self.base.clone();
            }
            let (mut name, ending) = split(&self.base);
            name.push(format!("_{:05}", before + 1));
            name.push(ending);
            name.into()
        })
    }
}

/// Without its endings, and those: `.pcapng`, `.pcapng.zst`.
fn split(path: &Path) -> (OsString, OsString) {
    let mut stem = path.to_owned();
    let mut ending = OsString::new();
    let mut ends = |stem: &mut PathBuf| {
        if let Some(last) = stem.extension().map(OsString::from) {
            stem.set_extension("");
            let mut dotted = OsString::from(".");
            dotted.push(&last);
            dotted.push(&ending);
            ending = dotted;
        }
    };
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst"));
    ends(&mut stem);
    if packed {
        ends(&mut stem);
    }
    (stem.into(), ending)
}

/// What a file is called while it is written.
pub(super) fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: i64) -> Timestamp {
        Timestamp::from_parts(s, 0)
    }

    #[test]
    fn names_have_number_and_time_before_their_endings() {
        for (pattern, start, end) in [
            ("a/trace.pcapng", "a/trace_00001_", ".pcapng"),
            ("trace.pcap.zst", "trace_00001_", ".pcap.zst"),
            ("trace", "trace_00001_", ""),
            ("v1.2/trace", "v1.2/trace_00001_", ""),
            (".hidden", ".hidden_00001_", ""),
        ] {
            let mut names = Names::new(Path::new(pattern), &Rotation::default()).unwrap();
            let name = names.next(seconds(1_795_209_080)).candidates().next().unwrap();
            let name = name.to_str().unwrap();
            let time = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap_or_else(|| panic!("{name}"));
            assert!(time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn names_with_the_time_in_them_are_numbered_only_where_they_repeat() {
        let on = Rotation { bytes: Some(1), ..Rotation::default() };
        let mut names = Names::new(Path::new("t-%S%%.pcap.zst"), &on).unwrap();
        let mut first = |s| names.next(seconds(s)).candidates().next().unwrap().into_os_string().into_string().unwrap();
        assert_eq!(
            [first(10), first(10), first(10), first(11)].map(|n| n),
            ["t-10%.pcap.zst", "t-10%_00002.pcap.zst", "t-10%_00003.pcap.zst", "t-11%.pcap.zst"]
        );
        assert!(Names::new(Path::new("100%.pcap"), &on).is_err());
        assert!(Names::new(Path::new("100%.pcap"), &Rotation::default()).is_ok());
    }

    #[test]
    fn periods_begin_at_the_start_and_do_not_drift() {
        let mut periods = Periods::new(Some(Span::from_secs(10)), Some(seconds(100)), true);
        let ended: Vec<i64> =
            [100, 109, 111, 119, 120, 155, 159, 160].into_iter().filter(|s| periods.has_ended(seconds(*s))).collect();
        assert_eq!(ended, [111, 120, 155, 160]);
        // A late packet is in the period at hand; a clock set back begins anew.
        let ended: Vec<i64> = [158, 50, 59, 60].into_iter().filter(|s| periods.has_ended(seconds(*s))).collect();
        assert_eq!(ended, [60]);
    }

    #[test]
    fn times_of_a_file_may_be_in_any_disorder() {
        let mut periods = Periods::new(Some(Span::from_secs(10)), None, false);
        let ended = [5, i64::MAX / 2_000_000_000, 5, i64::MAX / 2_000_000_000, i64::MIN / 1_000_000_000]
            .map(|s| periods.has_ended(seconds(s)));
        assert_eq!(ended, [false, true, false, false, false]);
    }
}
