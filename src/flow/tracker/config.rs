//! What a tracker is asked to do.

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
    /// Most memory for the lists of all flows together (holes, segments remembered, data that waits), bytes. What finds no
    /// room is forgotten. Not in it: what each flow has from the start (some 600 bytes, and up to 2,000 more where everything is
    /// wanted), which `max_flows` bounds, and 16 MB at most for what flows between the same hosts share.
    pub list_bytes: usize,
    /// How much of that the streams of one flow may take.
    pub streams: StreamLimits,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            profile: Profile::OURS,
            max_flows: 1_000_000,
            handshake_events: true,
            wants: Wants::default(),
            checksums: Checksums::Auto,
            list_bytes: 256 << 20,
            streams: StreamLimits::default(),
        }
    }
}
