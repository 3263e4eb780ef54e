//! Events to bytes: text is made here and only here.

pub mod pcap;

pub use pcap::{PcapConfig, PcapWriter};
