//! What outputs want to know beside the conversations themselves. Each costs time and memory, so nothing is worked out that
//! no output asked for.

/// What to work out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Zeek's state, history and sizes of each flow.
    pub zeek: bool,
    /// tcptrace's counters and round trips of each TCP connection.
    pub measures: bool,
    /// A verdict on each TCP segment that is not the next one expected.
    pub verdicts: bool,
    /// Wireshark's labels of each TCP packet.
    pub labels: bool,
    /// The byte streams of each TCP connection ([`super::StreamEvent`]).
    pub streams: bool,
    /// The Community ID of each flow, a SHA-1.
    pub community_id: bool,
    /// What applications say, and names of hosts by it.
    pub app: bool,
    /// Packets worth citing, of flows in which something happened ([`super::Cited`]).
    pub cited: bool,
    /// What hosts say of their addresses in ARP and neighbour discovery ([`super::FlowEvent::Neighbour`]).
    pub neighbours: bool,
}

impl Wants {
    /// All that records hold: everything but the byte streams, what is cited, and neighbours.
    pub const ALL: Self = Self {
        zeek: true,
        measures: true,
        verdicts: true,
        labels: true,
        streams: false,
        community_id: true,
        app: true,
        cited: false,
        neighbours: false,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        zeek: false,
        measures: false,
        verdicts: false,
        labels: false,
        streams: false,
        community_id: false,
        app: false,
        cited: false,
        neighbours: false,
    };
    /// Zeek's words.
    pub const ZEEK: Self = Self { zeek: true, ..Self::NONE };
    /// tcptrace's counters.
    pub const MEASURES: Self = Self { measures: true, ..Self::NONE };
    /// Verdicts on loss.
    pub const VERDICTS: Self = Self { verdicts: true, ..Self::NONE };

    /// Community IDs.
    pub const COMMUNITY_ID: Self = Self { community_id: true, ..Self::NONE };

    /// What applications say.
    pub const APP: Self = Self { app: true, ..Self::NONE };

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            zeek: self.zeek || other.zeek,
            measures: self.measures || other.measures,
            verdicts: self.verdicts || other.verdicts,
            labels: self.labels || other.labels,
            streams: self.streams || other.streams,
            community_id: self.community_id || other.community_id,
            app: self.app || other.app,
            cited: self.cited || other.cited,
            neighbours: self.neighbours || other.neighbours,
        }
    }
}

/// What becomes of packets whose IPv4 header, TCP, UDP or ICMP checksum is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Those that a network card was still to fill in (offload) are taken as good, and so are all of a protocol of which many are
    /// wrong, or too few were seen to tell. Others are not.
    #[default]
    Auto,
    /// No host takes them; but for those of which the capture says that there is none yet (`FrameMarks::checksum_pending`).
    Verify,
    /// Checksums are not looked at.
    Ignore,
}
