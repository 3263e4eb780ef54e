//! Round trips summed up: how many, the shortest, the longest, mean and deviation, without keeping any.

use crate::flow::record::RttRecord;
use crate::model::Span;

/// Samples so far, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Samples {
    count: u64,
    min: i64,
    max: i64,
    /// Mean and sum of squared differences from it (Welford 1962), so that nothing cancels out however many there are.
    mean: f64,
    squares: f64,
}

impl Samples {
    /// Takes a sample, not negative.
    #[inline]
    pub(super) fn add(&mut self, sample: i64) {
        self.count += 1;
        // tcptrace's rule: a minimum of 0 is none yet.
        if self.min == 0 || sample < self.min {
            self.min = sample;
        }
        self.max = self.max.max(sample);
        let off = sample as f64 - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (sample as f64 - self.mean);
    }

    /// As records have it.
    pub(super) fn record(&self) -> RttRecord {
        let some = |nanos: i64| (self.count > 0).then_some(Span::from_nanos(nanos));
        // Of a sample of a larger population: n - 1. tcptrace gives none of fewer than three.
        let stdev = (self.count > 2).then(|| (self.squares / (self.count - 1) as f64).sqrt());
        RttRecord {
            samples: self.count,
            min: some(self.min),
            avg: some(self.mean.round() as i64),
            max: some(self.max),
            stdev: stdev.map(|nanos| Span::from_nanos(nanos.round() as i64)),
        }
    }
}
