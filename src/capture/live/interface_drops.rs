//! What an interface and its driver dropped, by sysfs. The files stay open: a program that gave up its rights opens none.

use super::sys::Device;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// `rx_missed_errors` and `rx_fifo_errors`, as libpcap counts it.
pub(super) struct InterfaceDrops {
    files: [File; 2],
    /// What they showed the last time.
    shown: [u64; 2],
    dropped: u64,
}

impl InterfaceDrops {
    /// `None` where sysfs does not show this very interface (another network namespace's `/sys`).
    pub(super) fn new(name: &str, device: Device) -> Option<Self> {
        let folder = PathBuf::from("/sys/class/net").join(name);
        if number(&open(&folder.join("ifindex"))?)? != u64::from(device.index) {
            return None;
        }
        let file = |name| open(&folder.join("statistics").join(name));
        Self::of([file("rx_missed_errors")?, file("rx_fifo_errors")?])
    }

    fn of(files: [File; 2]) -> Option<Self> {
        let [missed, fifo] = &files;
        Some(Self { shown: [number(missed)?, number(fifo)?], files, dropped: 0 })
    }

    /// Frames dropped since this was made, by what the files show now. One that cannot be read, as when the interface is gone, adds
    /// nothing.
    pub(super) fn count(&mut self) -> u64 {
        for (file, shown) in self.files.iter().zip(&mut self.shown) {
            let Some(now) = number(file) else { continue };
            // A driver that starts anew (a reset of the card, another queue) counts from 0.
            self.dropped = self.dropped.saturating_add(now.checked_sub(*shown).unwrap_or(now));
            *shown = now;
        }
        self.dropped
    }
}

fn open(file: &Path) -> Option<File> {
    File::open(file).ok()
}

/// The number that a file of sysfs shows now. Reading from its start makes it anew.
fn number(file: &File) -> Option<u64> {
    let mut text = [0; 24];
    let length = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_is_added_counts_also_when_a_driver_starts_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["missed", "fifo"].map(|name| folder.path().join(name));
        let show = |numbers: [&str; 2]| {
            for (path, number) in paths.iter().zip(numbers) {
                fs::write(path, number).expect("written");
            }
        };
        show(["100\n", "7\n"]);
        let files = [&paths[0], &paths[1]].map(|path| File::open(path).expect("opens"));
        let mut drops = InterfaceDrops::of(files).expect("numbers");
        assert_eq!(drops.count(), 0, "what was before is not ours");
        show(["105\n", "7\n"]);
        assert_eq!((drops.count(), drops.count()), (5, 5));
        show(["2\n", "8\n"]);
        assert_eq!(drops.count(), 5 + 2 + 1);
        show(["", "9\n"]);
        assert_eq!(drops.count(), 9, "one that is gone adds nothing");
    }
}
