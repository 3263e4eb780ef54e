//! What Wireshark says of TCP packets (`tcp.analysis`, `tcp.completeness`), by the rules of tshark 4.0.17 to the letter, its
//! oddities included. It is its opinion, not ours: ours is [`super::Verdict`].
//!
//! A [`Labeler`] takes packets as they stand in their frames and knows nothing of our flows, for Wireshark's conversations are
//! others: an unordered pair of (address, port) and nothing else, neither VLAN nor tunnel nor time-out, which no FIN and no
//! RST ends. Read `labeler` for which packets count, `conversation` for what is remembered, `rules` for the tests in their
//! order, `table` for where conversations are kept and which one goes when there is no room.

mod conversation;
mod labeler;
mod labels;
mod rules;
mod table;
#[cfg(test)]
mod tests;

pub use labeler::Labeler;
pub use labels::{Analysis, Labels};
