//! sockeye: packets, connections and what happened to them.
//!
//! A packet travels through the modules in this order: [`capture`] (where frames come from), [`filter`],
//! [`decode`] (bytes to layers; never fails), [`flow`] (layers to conversations), [`event`] (what the engine
//! tells the outputs), [`output`] (events to text, records and capture files). [`engine`] drives them;
//! [`query`] asks conditions of conversations; [`peek`] reads what applications say; [`model`] holds the words they share and [`pcapfile`] the two capture file formats as pure codecs.
//!
//! Nothing here knows of command lines, terminals or the wall clock, but for `engine::clock`.

pub mod capture;
pub mod decode;
pub mod detect;
pub mod engine;
pub mod event;
pub mod filter;
pub mod flow;
pub mod heap;
pub mod host;
pub mod model;
pub mod output;
pub mod pcapfile;
pub mod peek;
#[cfg(target_os = "linux")]
pub mod privilege;
pub mod query;
pub mod story;
