//! How much detectors keep: all bounds are those of 64 MiB, and smaller in proportion where there is less memory for them.

/// What all detectors may take with the bounds that stand in them.
const FULL: usize = 64 << 20;

/// The least of each bound.
const LEAST: usize = 32;

/// A part of the bounds, in 1,024ths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds(usize);

impl Default for Bounds {
    fn default() -> Self {
        Self(1024)
    }
}

impl Bounds {
    /// The bounds for so many bytes.
    pub(super) const fn within(bytes: usize) -> Self {
        let part = bytes / (FULL / 1024);
        Self(if part > 1024 { 1024 } else { part })
    }

    /// What is left of a bound.
    pub(super) const fn of(self, full: usize) -> usize {
        let part = full * self.0 / 1024;
        if part < LEAST { LEAST } else { part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_shrink_with_memory_and_never_vanish() {
        assert_eq!(Bounds::default().of(4096), 4096);
        assert_eq!(Bounds::within(1 << 40).of(4096), 4096);
        assert_eq!(Bounds::within(4 << 20).of(4096), 256);
        assert_eq!(Bounds::within(0).of(4096), LEAST);
    }
}
