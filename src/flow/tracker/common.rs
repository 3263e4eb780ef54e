//! What trackers have in common that follow the conversations of one capture side by side, each those of its own thread: the
//! next number of each kind, how many flows there are in all, and what was learnt of the ways between hosts. Asked when a flow begins
//! or ends and when a way is measured anew, never for each packet.

use crate::flow::note::FlowKind;
use crate::flow::tcp::{KnownPaths, Paths};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Kinds of flows, each with numbers of its own.
const KINDS: usize = FlowKind::Other as usize + 1;

/// Shared by the trackers of one run: see [`Tracker::beside`](super::Tracker::beside). Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Common(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Flows ever begun, by kind.
    begun: [AtomicU64; KINDS],
    /// Flows in all tables now.
    active: AtomicUsize,
    paths: Arc<Mutex<KnownPaths>>,
}

impl Common {
    /// Nothing is known yet; what is learnt of ways between hosts has so many bytes.
    #[must_use]
    pub fn within(path_bytes: usize) -> Self {
        Self(Arc::new(Inner { paths: Arc::new(Mutex::new(KnownPaths::within(path_bytes))), ..Inner::default() }))
    }

    /// A flow begins: its number, in the order in which the trackers ask.
    pub(super) fn begin(&self, kind: FlowKind) -> u64 {
        // Relaxed: the counts order nothing else.
        self.0.active.fetch_add(1, Ordering::Relaxed);
        self.0.begun[kind as usize].fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A flow ended.
    pub(super) fn end(&self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Flows of all trackers at this moment.
    pub(super) fn active(&self) -> usize {
        self.0.active.load(Ordering::Relaxed)
    }

    pub(super) fn paths(&self) -> Paths {
        Paths::Shared(Arc::clone(&self.0.paths))
    }
}
