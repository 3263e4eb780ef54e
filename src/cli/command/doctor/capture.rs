//! Does capturing work? Each backend, on loopback, with datagrams to oneself.

use super::sheet::{Mark, Sheet};
use super::trial::{DATAGRAMS, LOOPBACK, Seen, Trial, comes_out_even};
use crate::cli::errors::{Problem, shown};
use sockeye::capture::SourceError;
use sockeye::capture::live::{self, DEFAULT_BUFFER};
use sockeye::model::{LiveBackend, SourceStats};
use sockeye::output::units;

/// What captures, the default first, with the words of `--backend`.
pub(super) const BACKENDS: [(LiveBackend, &str); 3] =
    [(LiveBackend::Ring, "ring"), (LiveBackend::Libpcap, "libpcap"), (LiveBackend::Pnet, "pnet")];

/// Those that are built in.
pub(super) fn backends() -> impl Iterator<Item = (LiveBackend, &'static str)> {
    BACKENDS.into_iter().filter(|(backend, _)| *backend != LiveBackend::Libpcap || cfg!(feature = "libpcap"))
}

/// How far capturing is possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Works {
    /// The backends that do, by name.
    pub(super) backends: Vec<&'static str>,
    /// The right to capture is missing.
    pub(super) forbidden: bool,
}

/// Puts each backend to the test.
pub(super) fn check(sheet: &mut Sheet) -> Result<Works, Problem> {
    sheet.heading("Capture on loopback")?;
    let mut works = Works::default();
    for (backend, name) in backends() {
        match attempt(backend) {
            Ok(result) => {
                let (mark, text) = judge(backend, &result);
                if mark != Mark::Failed {
                    works.backends.push(name);
                }
                sheet.line(mark, name, &text)?;
            }
            Err(error) => {
                works.forbidden |= matches!(error, SourceError::NotPermitted { .. });
                sheet.line(Mark::Failed, name, &reason(&error))?;
                if let SourceError::InterfaceDown { interface } = &error {
                    sheet.mend(interface, up(interface));
                }
            }
        }
    }
    if !cfg!(feature = "libpcap") {
        sheet.line(
            Mark::Note,
            "libpcap",
            "not built in (cargo feature \"libpcap\"): no filter expressions, no --backend libpcap",
        )?;
    }
    Ok(works)
}

/// Why it cannot be captured.
pub(super) fn reason(error: &SourceError) -> String {
    match error {
        SourceError::NotPermitted { .. } => "no right to capture (needs CAP_NET_RAW)".to_owned(),
        SourceError::InterfaceDown { interface } => format!("{} is down", shown(interface)),
        other => shown(&other.to_string()),
    }
}

/// The command that brings an interface up.
pub(super) fn up(interface: &str) -> String {
    format!("sudo ip link set {} up", sockeye::output::summary::next::quote(interface))
}

struct Tried {
    seen: Seen,
    stats: SourceStats,
    warnings: Vec<String>,
}

fn attempt(backend: LiveBackend) -> Result<Tried, SourceError> {
    let mut trial = Trial::open(backend)?;
    let warnings = trial.warnings().to_vec();
    let seen = trial.run()?;
    Ok(Tried { seen, stats: trial.account()?, warnings })
}

fn judge(backend: LiveBackend, tried: &Tried) -> (Mark, String) {
    let Tried { seen, stats, warnings } = tried;
    let mut text = format!("{} of {DATAGRAMS} packets to itself seen", seen.datagrams);
    let (mut failed, mut limited) = (seen.datagrams < DATAGRAMS, false);
    if seen.twice {
        failed = true;
        text.push_str(", some twice");
    }
    if comes_out_even(stats) {
        text.push_str(", the account comes out even");
    } else {
        failed = true;
        text.push_str(", the account does not come out even");
    }
    if let Some(dropped @ 1..) = stats.dropped_kernel {
        limited = true;
        text = format!("{text}, {} dropped meanwhile", units::count(dropped));
    }
    if seen.nanoseconds {
        text.push_str(", times in nanoseconds");
    } else if seen.datagrams > 0 {
        limited = true;
        text.push_str(", times in microseconds only");
    }
    if backend == LiveBackend::Ring && warnings.is_empty() {
        text = format!("{text}, buffer {} MiB", DEFAULT_BUFFER >> 20);
    }
    if let Some(version) = live::libpcap_version().filter(|_| backend == LiveBackend::Libpcap) {
        text = format!("{text}; {}", shown(&version));
    }
    for warning in warnings {
        limited = true;
        text = format!("{text}; {}", shown(warning).trim_start_matches(LOOPBACK).trim_start_matches(": "));
    }
    let mark = match (failed, limited) {
        (true, _) => Mark::Failed,
        (_, true) => Mark::Limited,
        _ => Mark::Ok,
    };
    (mark, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried() -> Tried {
        let seen = Seen { datagrams: DATAGRAMS, twice: false, nanoseconds: true };
        let stats = SourceStats {
            frames: 8,
            received: Some(16),
            duplicates: Some(8),
            dropped_kernel: Some(0),
            unread: Some(0),
            ..SourceStats::default()
        };
        Tried { seen, stats, warnings: Vec::new() }
    }

    #[test]
    fn what_is_as_it_should_be_is_ok() {
        let (mark, text) = judge(LiveBackend::Ring, &tried());
        assert_eq!(
            (mark, text.as_str()),
            (Mark::Ok, "8 of 8 packets to itself seen, the account comes out even, times in nanoseconds, buffer 64 MiB")
        );
    }

    #[test]
    fn packets_missed_or_seen_twice_and_accounts_with_holes_fail() {
        let of = |seen, stats| judge(LiveBackend::Pnet, &Tried { seen, stats, warnings: Vec::new() }).0;
        let Tried { seen, stats, .. } = tried();
        assert_eq!(of(Seen { datagrams: 7, ..seen }, stats), Mark::Failed);
        assert_eq!(of(Seen { twice: true, ..seen }, stats), Mark::Failed);
        assert_eq!(of(seen, SourceStats { received: Some(17), ..stats }), Mark::Failed);
        assert_eq!(of(Seen { nanoseconds: false, ..seen }, stats), Mark::Limited);
        assert_eq!(of(seen, SourceStats { received: Some(17), dropped_kernel: Some(1), ..stats }), Mark::Limited);
    }

    #[test]
    fn a_smaller_buffer_is_told() {
        let warnings = vec!["lo: capture buffer of 32768 KiB: no memory for 65536 KiB".to_owned()];
        let (mark, text) = judge(LiveBackend::Ring, &Tried { warnings, ..tried() });
        assert_eq!(mark, Mark::Limited);
        assert!(text.ends_with("; capture buffer of 32768 KiB: no memory for 65536 KiB"), "{text}");
    }
}
