//! What a tracker is asked to do.

use crate::flow::note::FlowId;
use crate::flow::profile::Profile;
use crate::flow::stream::StreamLimits;
use crate::flow::wants::{Checksums, Wants};

/// How to track.
#[derive(Clone, Copy, Debug)]
pub struct TrackerConfig {
    /// By which rules.
    pub profile: Profile,
    /// Most flows at one time. When a new one finds no room, an old one's record is made early ([`EndReason::Evicted`](crate::flow::EndReason::Evicted)):
    /// attempts without an answer first, then datagrams, then the connection that has been silent longest.
    pub max_flows: usize,
    /// Tell [`FlowEvent::Handshake`](crate::flow::FlowEvent::Handshake). Costs a record per connection.
    pub handshake_events: bool,
    /// What to work out beside the conversations themselves.
    pub wants: Wants,
    /// What becomes of packets with wrong checksums.
    pub checksums: Checksums,
    /// Most memory for all that the tracker holds, bytes: when it is used up, flows give way in the same order as for `max_flows`.
    /// Kept only where the program's allocator is [`heap::Counting`](crate::heap::Counting).
    pub max_bytes: usize,
    /// Most of that for the lists of all flows together (holes, segments remembered, data that waits), bytes. What finds no
    /// room is forgotten, and its flow counted ([`TrackerStats::without_room`](super::TrackerStats::without_room)).
    pub list_bytes: usize,
    /// Memory for what flows between the same hosts know of their way, where verdicts are wanted, bytes. Not in `max_bytes`; trackers that
    /// work [beside](crate::flow::Tracker::beside) each other have it once.
    pub path_bytes: usize,
    /// Memory for names of hosts, where [`Wants::app`] asks for them, bytes. Not in `max_bytes`; trackers that work
    /// [beside](crate::flow::Tracker::beside) each other have it once.
    pub name_bytes: usize,
    /// Most memory for Wireshark's conversations, where [`Wants::labels`] asks for them, bytes. Not the tracker's own.
    pub label_bytes: usize,
    /// How much of [`Self::list_bytes`] the streams of one flow may take.
    pub streams: StreamLimits,
    /// The only flow of which [`Wants::streams`] are told; `None`: of all.
    pub streams_of: Option<FlowId>,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            profile: Profile::OURS,
            max_flows: 1_000_000,
            handshake_events: true,
            wants: Wants::default(),
            checksums: Checksums::Auto,
            max_bytes: usize::MAX,
            list_bytes: 256 << 20,
            path_bytes: 16 << 20,
            name_bytes: 8 << 20,
            label_bytes: 60 << 20,
            streams: StreamLimits::default(),
            streams_of: None,
        }
    }
}
