//! What an interface and its driver dropped, by sysfs. The files stay open: a program that gave up its rights opens none.

use super::sys::Device;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// `rx_missed_errors` and `rx_fifo_errors`, as libpcap counts it.
pub(super) struct InterfaceDrops {
    files: [File; 2],
    at_start: u64,
}

impl InterfaceDrops {
    /// `None` where sysfs does not show this very interface (another network namespace's `/sys`).
    pub(super) fn new(name: &str, device: Device) -> Option<Self> {
        let folder = PathBuf::from("/sys/class/net").join(name);
        if number(&open(&folder.join("ifindex"))?)? != u64::from(device.index) {
            return None;
        }
        let file = |name| open(&folder.join("statistics").join(name));
        let mut drops = Self { files: [file("rx_missed_errors")?, file("rx_fifo_errors")?], at_start: 0 };
        drops.at_start = drops.since_start()?;
        Some(drops)
    }

    /// Frames dropped since this was made; `None` when the interface is gone.
    pub(super) fn since_start(&self) -> Option<u64> {
        let mut sum = 0_u64;
        for file in &self.files {
            sum = sum.saturating_add(number(file)?);
        }
        Some(sum.saturating_sub(self.at_start))
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
