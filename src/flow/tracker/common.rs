//! What trackers have in common that follow the conversations of one capture side by side, each those of its own thread: the
//! next number of each kind, how many flows there are in all, the room of their lists, and what was learnt of the ways between hosts.
//! Asked when a flow begins or ends, when a portion of the room is used up and when a way is measured anew; for each packet only by a
//! tracker that has more flows than its part.

use super::naming::Naming;
use crate::flow::note::FlowKind;
use crate::flow::room::{Pool, Room};
use crate::flow::tcp::{KnownPaths, Paths};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Kinds of flows, each with numbers of its own.
const KINDS: usize = FlowKind::Other as usize + 1;

/// Shared by the trackers of one run: see [`Tracker::beside`](super::Tracker::beside). Cloning shares it.
#[derive(Clone, Debug)]
pub struct Common(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Flows ever begun, by kind.
    begun: [AtomicU64; KINDS],
    /// Flows in all tables now.
    active: AtomicUsize,
    trackers: AtomicUsize,
    /// Flows are numbered by each tracker, and bounded only when it turns out that they are too many.
    crowd: bool,
    /// It did.
    crowded: AtomicBool,
    paths: Arc<Mutex<KnownPaths>>,
    lists: Arc<Pool>,
    names: OnceLock<Naming>,
}

impl Inner {
    fn new(paths: KnownPaths, crowd: bool) -> Self {
        Self {
            begun: Default::default(),
            active: AtomicUsize::new(0),
            trackers: AtomicUsize::new(0),
            crowd,
            crowded: AtomicBool::new(false),
            paths: Arc::new(Mutex::new(paths)),
            lists: Arc::default(),
            names: OnceLock::new(),
        }
    }
}

impl Default for Common {
    fn default() -> Self {
        Self(Arc::new(Inner::new(KnownPaths::default(), false)))
    }
}

impl Common {
    /// Nothing is known yet; what is learnt of ways between hosts has so many bytes.
    #[must_use]
    pub fn within(path_bytes: usize) -> Self {
        Self(Arc::new(Inner::new(KnownPaths::within(path_bytes), false)))
    }

    /// For the parts of a saved capture ([`Tracker::part`](super::Tracker::part)). They are not at the same moment of it, so
    /// that the flows of all at once say nothing: whoever puts in order what they tell says when there are too many. What they learn
    /// of ways each has for itself.
    #[must_use]
    pub fn crowd() -> Self {
        Self(Arc::new(Inner::new(KnownPaths::within(0), true)))
    }

    /// There are as many flows as there may be: from now on old ones make room for new ones.
    pub fn is_crowded(&self) {
        self.0.crowded.store(true, Ordering::Relaxed);
    }

    /// One more tracker has it in common. To be said of all before any of them takes a packet.
    pub(super) fn joined(&self) -> Self {
        self.0.trackers.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    /// The names of hosts that all have in common, which may take so many bytes.
    pub(super) fn names(&self, bytes: usize) -> Naming {
        self.0.names.get_or_init(|| Naming::here(bytes)).clone()
    }

    /// The room of a tracker's lists: it brings `bytes`, and may take `most` of what all bring.
    pub(super) fn room(&self, bytes: usize, most: usize) -> Room {
        Room::joining(&self.0.lists, bytes, most)
    }

    /// How many have it in common.
    pub(super) fn trackers(&self) -> usize {
        self.0.trackers.load(Ordering::Relaxed).max(1)
    }

    /// A flow begins: its number, in the order in which the trackers ask. `own`: the tracker's own count.
    pub(super) fn begin(&self, kind: FlowKind, own: u64) -> u64 {
        // Relaxed: the counts order nothing else.
        self.0.active.fetch_add(1, Ordering::Relaxed);
        if self.0.crowd {
            return own;
        }
        self.0.begun[kind as usize].fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A flow ended.
    pub(super) fn end(&self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Flows of all trackers at this moment, as far as they are to be bounded.
    pub(super) fn active(&self) -> usize {
        let counts = !self.0.crowd || self.0.crowded.load(Ordering::Relaxed);
        if counts { self.0.active.load(Ordering::Relaxed) } else { 0 }
    }

    pub(super) fn paths(&self) -> Paths {
        Paths::Shared(Arc::clone(&self.0.paths))
    }
}
