//! Packets to conversations. Sans-I/O: time comes with the packet.

pub mod note;
pub mod record;

pub use note::{Change, Direction, FlowId, FlowKind, Note};
pub use record::{DirectionReason, EndReason, FlowRecord, Handshake, Outcome, SideRecord, State};
