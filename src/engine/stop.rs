//! How a run is asked to stop, or to say how it is going, from outside: flags that signal handlers may set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags shared with whoever may interrupt a run. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    end: Arc<AtomicBool>,
    status: Arc<AtomicBool>,
    flush: Arc<AtomicBool>,
    rotate: Arc<AtomicBool>,
}

impl Stop {
    /// For one of several threads of the run: it ends when the run does, and has flags of its own for the rest.
    #[must_use]
    pub(super) fn for_thread(&self) -> Self {
        Self { end: Arc::clone(&self.end), ..Self::default() }
    }

    /// Asks for one status line.
    pub(super) fn ask_status(&self) {
        self.status.store(true, Ordering::Relaxed);
    }

    /// Asks the run to end after the packet at hand.
    pub fn request(&self) {
        self.end.store(true, Ordering::Relaxed);
    }

    /// Was that asked?
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// The flag behind [`Stop::request`], for signal registration.
    #[must_use]
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.end)
    }

    /// The flag that asks for one status line.
    #[must_use]
    pub fn status_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.status)
    }

    /// The flag that asks outputs to hand on what they hold.
    #[must_use]
    pub fn flush_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flush)
    }

    /// The flag that asks outputs to end the file at hand and begin the next.
    #[must_use]
    pub fn rotate_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.rotate)
    }

    /// Was a status line asked for since the last look?
    #[must_use]
    pub fn take_status(&self) -> bool {
        self.status.load(Ordering::Relaxed) && self.status.swap(false, Ordering::Relaxed)
    }

    /// Was a flush asked for since the last look?
    #[must_use]
    pub fn take_flush(&self) -> bool {
        self.flush.load(Ordering::Relaxed) && self.flush.swap(false, Ordering::Relaxed)
    }

    /// Was the next file asked for since the last look?
    #[must_use]
    pub fn take_rotate(&self) -> bool {
        self.rotate.load(Ordering::Relaxed) && self.rotate.swap(false, Ordering::Relaxed)
    }
}
