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
}

impl Wants {
    /// All that records hold: everything but the byte streams.
    pub const ALL: Self = Self { zeek: true, measures: true, verdicts: true, labels: true, streams: false };
}

/// What becomes of packets whose TCP or UDP checksum is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Those that a network card was still to fill in (offload) are taken as good, others are not.
    #[default]
    Auto,
    /// No host takes them.
    Verify,
    /// Checksums are not looked at.
    Ignore,
}
