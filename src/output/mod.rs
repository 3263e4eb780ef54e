//! Events to bytes: text is made here and only here. Every output is an [`crate::event::Sink`] over an
//! [`std::io::Write`] that the caller buffers; how it may look comes in a [`Style`].

mod app_note;
pub mod bits;
mod capture_record;
pub mod choice;
pub mod columns;
pub mod csv;
pub mod ends;
pub mod files;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
pub mod flow_records;
pub mod flow_table;
pub mod follow;
#[cfg(test)]
mod formats_doc;
mod gathered;
pub mod handshakes;
pub mod hold;
pub mod host_names;
mod interface_names;
pub mod json;
pub mod ladder;
pub mod line;
pub mod notices;
pub mod packet_json;
mod packet_keys;
pub mod packet_rows;
#[cfg(test)]
mod packet_tests;
pub mod pcap;
pub mod queue;
mod runs;
pub mod schema;
pub mod story;
pub mod style;
pub mod summary;
pub mod table;
pub mod target;
mod text;
pub mod text_output;
pub mod units;
pub mod values;
mod wrap;
pub mod write_error;
pub mod zeek;

pub use bits::BitsSink;
pub use choice::{Candidates, ChoiceSink, Why};
pub use csv::Separated;
pub use findings::{FindingsConfig, FindingsJsonSink, FindingsSink};
pub use flow_records::{FlowJsonSink, FlowRowsSink};
pub use flow_table::{FlowTableConfig, FlowTableSink};
pub use follow::{FollowConfig, FollowForm, FollowSink, Followed};
pub use handshakes::{HandshakesConfig, HandshakesSink};
pub use host_names::HostNames;
pub use ladder::{LadderConfig, LadderSink};
pub use packet_json::PacketJsonSink;
pub use packet_rows::PacketRowsSink;
pub use pcap::{PcapConfig, PcapWriter};
pub use story::{Level, StoryConfig, StorySink};
pub use style::{Style, Tone};
pub use summary::{SummaryConfig, SummarySink};
pub use text_output::{Closed, Room, TextOutput};
pub use values::Records;
pub use write_error::WriteError;
pub use zeek::{ZeekForm, ZeekSink};
