//! One line on standard error while a long file is read: on a terminal only, after a moment, ten times a second at most, and erased at
//! the end.

use super::{args, settings};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sockeye::engine::run::Progress;
use sockeye::output::units;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Reads that take less show nothing.
const PATIENCE: Duration = Duration::from_millis(300);
/// Least time between two looks of the line.
const BETWEEN: Duration = Duration::from_millis(100);
/// At least so many columns of the file's name are shown.
const LEAST_NAME: usize = 5;
/// Columns that stay free: a terminal shows `^C` there.
const FREE: usize = 2;

pub(crate) struct ProgressLine {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
    /// When it was shown the last time.
    shown: Instant,
    wanted: bool,
}

impl ProgressLine {
    pub(crate) fn new(name: &str, when: args::Progress) -> Self {
        let wanted = when == args::Progress::Auto && io::stderr().is_terminal();
        let now = Instant::now();
        Self { name: super::errors::shown(name), started: now, bar: None, shown: now, wanted }
    }

    /// Is it shown at all?
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Shows how far the reading is: bytes of the files, packets, connections.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.wanted || self.started.elapsed() < PATIENCE || (self.bar.is_some() && self.shown.elapsed() < BETWEEN) {
            return;
        }
        self.shown = Instant::now();
        let bar = self.bar.get_or_insert_with(|| {
            // Its own limit lets bursts through, and would leave out some of those that keep to ours.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(u8::MAX));
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        let columns = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        let line = line(&self.name, progress, self.started.elapsed(), columns.saturating_sub(FREE));
        bar.set_message(settings::message(&line).into_owned());
    }

    /// Erases the line.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// `mix.pcap  61% of 4.90 GB · 245 MB/s · 8s left · 2.1M packets · 38k connections`, in so many columns: first the name is shortened, then
/// parts are left out from the end.
fn line(name: &str, progress: &Progress, taken: Duration, columns: usize) -> String {
    let bytes = units::bytes;
    let rate = format!("{}/s", bytes((progress.bytes_read as f64 / taken.as_secs_f64()) as u64));
    let mut parts = Vec::new();
    if let Some(total) = progress.bytes_total.filter(|t| *t > 0) {
        let share = (progress.bytes_read as f64 / total as f64).min(1.0);
        parts.extend([format!("{:.0}% of {}", share * 100.0, bytes(total)), rate]);
        let left = if share > 0.01 { taken.mul_f64((1.0 - share) / share) } else { Duration::ZERO };
        if !left.is_zero() {
            parts.push(format!("{:#} left", HumanDuration(left)));
        }
    } else {
        parts.extend([bytes(progress.bytes_read), rate]);
    }
    // Where no connections are followed there is nothing to say of them.
    for (n, noun) in [(progress.read, "packet"), (progress.flows, "connection")].into_iter().filter(|(n, _)| *n > 0) {
        parts.push(format!("{} {noun}{}", about(n), if n == 1 { "" } else { "s" }));
    }
    let least = units::width(name).min(LEAST_NAME);
    let width = |parts: &[String]| 2 + units::width(&parts.join(" · "));
    while parts.len() > 1 && least + width(&parts) > columns {
        parts.pop();
    }
    let room = columns.saturating_sub(width(&parts)).max(least);
    format!("{}  {}", end_of(name, room), parts.join(" · "))
}

/// The end of a name, in so many columns: what tells files apart is there.
fn end_of(name: &str, room: usize) -> String {
    if units::width(name) <= room {
        return name.to_owned();
    }
    let starts = name.char_indices().map(|(at, _)| &name[at..]);
    let end = starts.skip(1).find(|end| units::width(end) < room).unwrap_or_default();
    format!("…{end}")
}

/// Two digits, or three: `999`, `1.2k`, `572k`, `2.1M`.
fn about(n: u64) -> String {
    let (unit, word) = match n {
        0..1_000 => return n.to_string(),
        1_000..1_000_000 => (1_000, 'k'),
        1_000_000..1_000_000_000 => (1_000_000, 'M'),
        _ => (1_000_000_000, 'G'),
    };
    let (whole, tenth) = (n / unit, n % unit * 10 / unit);
    if whole < 10 { format!("{whole}.{tenth}{word}") } else { format!("{whole}{word}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Progress {
        Progress { read: 2_100_000, flows: 38_112, bytes_read: 610, bytes_total: Some(1000), ..Progress::default() }
    }

    #[test]
    fn a_share_where_the_size_is_known_and_bytes_elsewhere() {
        let shown = line("mix.pcap", &known(), Duration::from_secs(61), 80);
        assert_eq!(shown, "mix.pcap  61% of 1.00 kB · 10 B/s · 39s left · 2.1M packets · 38k connections");
        let unknown = Progress { read: 5, flows: 1, bytes_read: 610, ..Progress::default() };
        assert_eq!(line("-", &unknown, Duration::from_secs(1), 80), "-  610 B · 610 B/s · 5 packets · 1 connection");
        let copying = Progress { flows: 0, ..unknown };
        assert_eq!(line("-", &copying, Duration::from_secs(1), 80), "-  610 B · 610 B/s · 5 packets");
    }

    #[test]
    fn the_name_is_shortened_and_no_number_is_cut() {
        let name = "/srv/captures/2026-11-21/border.pcap";
        for columns in 40..140 {
            let shown = line(name, &known(), Duration::from_secs(61), columns);
            assert!(units::width(&shown) <= columns, "{columns}: {shown}");
            let (shortened, numbers) = shown.split_once("  ").expect("two blanks");
            assert!(shortened == name || (shortened.starts_with('…') && name.ends_with(&shortened['…'.len_utf8()..])), "{shown}");
            assert!("61% of 1.00 kB · 10 B/s · 39s left · 2.1M packets · 38k connections".starts_with(numbers), "{shown}");
            assert!(["left", "B/s", "kB", "packets", "connections"].iter().any(|end| numbers.ends_with(end)), "{shown}");
            assert_eq!(numbers.ends_with("connections"), columns >= 74, "{shown}");
        }
        assert!(line(name, &known(), Duration::from_secs(61), 80).starts_with("…order.pcap  61%"));
    }

    #[test]
    fn counts_are_short() {
        let shown = [0, 999, 1000, 9999, 10_000, 999_999, 1_000_000, 2_160_000, 999_999_999, 1_500_000_000].map(about);
        assert_eq!(shown, ["0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "2.1M", "999M", "1.5G"]);
    }
}
