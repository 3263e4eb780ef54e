//! One line on standard error while a long file is read: on a terminal only, after a moment, and erased at the end.

use super::args;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sockeye::engine::run::Progress;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Reads that take less show nothing.
const PATIENCE: Duration = Duration::from_millis(300);

pub(crate) struct ProgressLine {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl ProgressLine {
    pub(crate) fn new(name: String, when: args::Progress) -> Self {
        let wanted = when == args::Progress::Auto && std::io::stderr().is_terminal();
        Self { name, started: Instant::now(), bar: None, wanted }
    }

    /// Is it shown at all?
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Shows how far the reading is: bytes of the files, packets, connections. What the terminal has no room for is left out at the end.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.wanted || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        bar.set_message(line(&self.name, progress, self.started.elapsed()));
        bar.tick();
    }

    /// Erases the line.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// `mix.pcap  61% of 4.90 GB · 245 MB/s · 8s left · 2,100,000 packets · 38,112 connections`
fn line(name: &str, progress: &Progress, taken: Duration) -> String {
    let bytes = sockeye::output::units::bytes;
    let counts = format!("{} packets · {} connections", HumanCount(progress.read), HumanCount(progress.flows));
    let rate = bytes((progress.bytes_read as f64 / taken.as_secs_f64()) as u64);
    let Some(total) = progress.bytes_total.filter(|t| *t > 0) else {
        return format!("{name}  {} · {rate}/s · {counts}", bytes(progress.bytes_read));
    };
    let share = (progress.bytes_read as f64 / total as f64).min(1.0);
    let left = if share > 0.01 { taken.mul_f64((1.0 - share) / share) } else { Duration::ZERO };
    let left = if left.is_zero() { String::new() } else { format!(" · {:#} left", HumanDuration(left)) };
    format!("{name}  {:.0}% of {} · {rate}/s{left} · {counts}", share * 100.0, bytes(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_where_the_size_is_known_and_bytes_elsewhere() {
        let known = Progress { read: 2_100_000, flows: 38_112, bytes_read: 610, bytes_total: Some(1000), ..Progress::default() };
        let shown = line("mix.pcap", &known, Duration::from_secs(61));
        assert_eq!(shown, "mix.pcap  61% of 1.00 kB · 10 B/s · 39s left · 2,100,000 packets · 38,112 connections");
        let unknown = Progress { read: 5, flows: 1, bytes_read: 610, ..Progress::default() };
        assert_eq!(line("-", &unknown, Duration::from_secs(1)), "-  610 B · 610 B/s · 5 packets · 1 connections");
    }
}
