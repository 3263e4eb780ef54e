//! Where frames come from: saved captures and live interfaces, behind one trait.
//!
//! A source is pulled: [`PacketSource::next`] gives one frame, whose bytes are the source's and are gone at the next
//! call. Live sources and pipes answer [`Next::Idle`] when nothing came for a while, so that the caller can look at its
//! clock, its signals and its outputs. All sources of a run together are an [`Input`].

pub mod error;
pub mod file;
pub mod input;
#[cfg(target_os = "linux")]
pub mod interfaces;
#[cfg(target_os = "linux")]
pub mod live;
#[cfg(target_os = "linux")]
pub mod offload;
#[cfg(target_os = "linux")]
pub mod permission;
#[cfg(target_os = "linux")]
pub mod ring;
pub mod source;
pub mod spread;

pub use error::SourceError;
pub use file::FileSource;
pub use input::{Failed, Input};
pub use source::{Next, PacketSource, SourceNotice};
pub use spread::Spread;
