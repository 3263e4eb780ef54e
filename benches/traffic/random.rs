//! Numbers by a seed: `SplitMix64`, and the distributions that traffic is made of. The same seed gives the same numbers.

/// A generator and its state.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Evenly from `0..n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Evenly from `from..to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    /// True so many times in a million.
    pub(crate) fn happens(&mut self, in_a_million: u64) -> bool {
        in_a_million > 0 && self.below(1_000_000) < in_a_million
    }

    /// Evenly from above 0 to 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Gaps between things that happen by chance.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        (-self.unit().ln() * mean as f64) as u64
    }

    /// Heavy tail: sizes from `least` on, cut at `most`.
    pub(crate) fn pareto(&mut self, least: u64, shape: f64, most: u64) -> u64 {
        ((least as f64 / self.unit().powf(1.0 / shape)) as u64).min(most)
    }
}

/// Scrambles a number: neighbours become strangers, and no two become one.
pub(crate) fn mixed(n: u64) -> u64 {
    let z = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
