//! What a live run loses while it goes on, and when that is worth a word: at once when it begins, then no more often than somebody
//! can read. Asked about once a second, never for each packet.

use crate::event::Sink;
use crate::model::SourceStats;
use std::time::Duration;

/// Least time between two words about drops.
const BETWEEN: Duration = Duration::from_secs(10);

/// Packets and records lost since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Packets that came in, as far as known: read, or dropped.
    pub received: u64,
    /// By the kernel: its buffer was full.
    pub kernel: u64,
    /// By the interface or its driver.
    pub interface: u64,
    /// By sockeye: whoever reads its output is too slow.
    pub here: u64,
    /// Records of flows that were left out of the output for that reason.
    pub records: u64,
}

impl Drops {
    /// The counters now. Unknown ones count nothing here.
    pub(super) fn count(sources: &[SourceStats], read: u64, sink: &impl Sink) -> Self {
        let mut drops = Self { here: sink.dropped(), records: sink.records_dropped(), ..Self::default() };
        let mut received: u64 = 0;
        for stats in sources {
            received = received.saturating_add(stats.received.unwrap_or(0));
            drops.kernel = drops.kernel.saturating_add(stats.dropped_kernel.unwrap_or(0));
            drops.interface = drops.interface.saturating_add(stats.dropped_interface.unwrap_or(0));
        }
        // Some counters of received packets hold the dropped ones, some do not.
        drops.received = received.max(read.saturating_add(drops.kernel).saturating_add(drops.interface));
        drops
    }

    /// Packets lost, by whomever.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.kernel.saturating_add(self.interface).saturating_add(self.here)
    }
}

/// Remembers what was told of drops.
#[derive(Debug, Default)]
pub(super) struct DropWatch {
    told: Drops,
    /// Time since then; `None` while nothing was.
    since: Option<Duration>,
}

impl DropWatch {
    /// Are these counters worth a word? `later`: time since they were looked at the last time.
    pub(super) fn is_news(&mut self, now: Drops, later: Duration) -> bool {
        self.since = self.since.map(|since| since.saturating_add(later));
        let more = now.packets() > self.told.packets() || now.records > self.told.records;
        let news = more && self.since.is_none_or(|since| since >= BETWEEN);
        if news {
            self.told = now;
            self.since = Some(Duration::ZERO);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_and_then_every_ten_seconds_while_it_grows() {
        let mut watch = DropWatch::default();
        let second = Duration::from_secs(1);
        let mut news = |kernel, records| watch.is_news(Drops { kernel, records, ..Drops::default() }, second);
        assert!(!news(0, 0), "nothing is lost");
        assert!(news(5, 0), "the first");
        let told: Vec<u64> = (6..30).filter(|n| news(*n, 0)).collect();
        assert_eq!(told, [15, 25]);
        assert_eq!((0..30).filter(|_| news(29, 0)).count(), 1, "what was not told yet, and no more");
        assert!(news(30, 0), "it begins again");
        assert!((0..9).all(|_| !news(30, 1)));
        assert!(news(30, 1), "records, too");
    }

    #[test]
    fn all_causes_are_summed() {
        let drops = Drops { received: 9, kernel: 1, interface: 2, here: u64::MAX, records: 7 };
        assert_eq!(drops.packets(), u64::MAX);
        assert_eq!(Drops { here: 4, ..drops }.packets(), 7);
    }
}
