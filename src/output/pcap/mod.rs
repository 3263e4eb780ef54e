//! Packets to capture files, pcap or pcapng: one, or one after the other ([`Rotation`]), compressed with zstd where the name ends
//! in `.zst`. A thread of its own writes them; this side makes records of packets, gathers them into chunks and decides where a file
//! ends, so that a packet is never split. Live, a packet that finds no room is left out and counted; from files the run waits.
//!
//! Every write and the close are checked; when the disk is full, the file is cut back to its last whole packet, and the error
//! says how much that is. A rotated file is called NAME.part until it is complete.
//!
//! [`SplitSink`] writes very many files side by side instead, one for each conversation or group of them.
//!
//! A pcapng file keeps what its sources tell: interfaces, directions, comments and other options, names, secrets,
//! counters. Whatever a source names late is written before the first packet that needs it. What a source does not keep
//! ([`FileNotes`](crate::model::FileNotes) says what), it warns of.

mod back;
mod chunks;
mod config;
mod form;
mod front;
mod interfaces;
mod keep;
mod pack;
mod rotate;
mod split;

pub use super::write_error::{Safe, WriteError};
pub use config::{PcapConfig, format_of_name, needs_nanoseconds};
pub use front::{PcapWriter, Written};
pub use rotate::Rotation;
pub use split::{Groups, INDEX, ListForm, Parted, SplitBy, SplitConfig, SplitSink, is_ours};
