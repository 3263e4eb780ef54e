//! Events to bytes: text is made here and only here. Every output is an [`crate::event::Sink`] over an
//! [`std::io::Write`] that the caller buffers; how it may look comes in a [`Style`].

pub mod csv;
pub mod ends;
#[cfg(test)]
pub(crate) mod fixture;
pub mod handshakes;
pub mod json;
pub mod line;
pub mod notices;
pub mod pcap;
pub mod style;
pub mod summary;
pub mod table;
pub mod units;

pub use handshakes::{HandshakesConfig, HandshakesSink};
pub use pcap::{PcapConfig, PcapWriter};
pub use style::{Style, Tone};
pub use summary::{SummaryConfig, SummarySink};
