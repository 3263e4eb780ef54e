//! Packets to conversations. Sans-I/O: time comes with the packet.
//!
//! [`Tracker`] takes packets and calls the rest in this order: `key` (which conversation), `table` (where it is kept),
//! `orientation` (who opened it), then `tcp` or `datagram` (what the packet means), and `timeout` (how long to wait now).
//! [`Note`] says what one packet did, [`FlowRecord`] what a whole flow was, and [`fields`] names every part of a record.

pub mod app;
mod by_id;
mod capture_drops;
pub mod checksums;
pub mod citations;
pub mod community_id;
mod datagram;
mod deadlines;
pub mod event;
pub(crate) mod fetch;
pub mod fields;
#[expect(clippy::module_inception)] // one conversation in the table of conversations
mod flow;
pub mod icmp;
mod index;
pub mod key;
mod members;
mod names;
pub mod neighbours;
pub mod note;
mod orientation;
mod outcome;
mod prefetch;
pub mod profile;
pub mod record;
mod room;
pub(crate) mod sample;
pub mod stream;
mod table;
mod tampered;
mod tcp;
pub mod timeout;
pub mod tracker;
pub mod verdict;
pub mod wants;
pub mod wireshark;
mod zeek;

pub(crate) use self::flow::kind_of;
pub use app::AppRecord;
pub use by_id::ById;
pub use checksums::{ChecksumPeers, ChecksumStats, Found, PeerTally};
pub use citations::{Cited, Few, Place, Stuck};
pub use event::{FlowEvent, FlowSink, Rank, Settled};
pub use members::Members;
pub use names::{Learnt, Names};
pub use neighbours::{Lan, Neighbour, Says};
pub use note::{Change, Direction, EndStates, FlowId, FlowKind, NoFlowId, Note};
pub use profile::Profile;
pub use record::{
    Birth, DirectionReason, EndReason, FlowRecord, Handshake, HostName, LossRecord, MeasuredRecord, Outcome, RttRecord,
    SideRecord, State, TcpState, Vantage, Wrapping, ZeekRecord,
};
pub use stream::{GapReason, StreamEvent, StreamLimits, StreamPacket, StreamPart, StreamTotals};
pub use tampered::{ForgedReset, Rewritten, Tampered};
pub use tracker::{Common, Ending, PacketMeta, Pieces, Tracker, TrackerConfig, TrackerStats};
pub use verdict::{Confidence, Evidence, Verdict, VerdictKind};
pub use wants::{Checksums, Wants};
pub use zeek::admission::Admission;
