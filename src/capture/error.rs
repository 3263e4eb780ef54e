//! Why a source cannot be opened or ended early. The words are made where they are shown; this holds the facts.

use crate::filter::FilterError;
use crate::model::LinkType;
use std::io;
use thiserror::Error;

/// A source that could not be opened, or that stopped before its end.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file cannot be opened or read, or the interface fails.
    #[error("{operation} {name}: {error}")]
    Io {
        /// What was tried: `cannot open`, `cannot read`.
        operation: &'static str,
        /// On which file or interface.
        name: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file is a directory.
    #[error("{name} is a directory")]
    IsDirectory {
        /// The file.
        name: String,
    },
    /// 0 bytes, after decompression.
    #[error("{name} is 0 bytes: not a capture")]
    Empty {
        /// The file.
        name: String,
    },
    /// The first bytes belong to no format known here.
    #[error("{name} is not a capture file")]
    NotACapture {
        /// The file.
        name: String,
        /// Up to 16 first bytes, after decompression.
        starts_with: Vec<u8>,
    },
    /// Damaged: cut short, or nonsense in the middle. Everything before was handed out.
    #[error("{name}: {what} at byte {offset}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong, in words: `ends in the middle of packet 12 (17 of 40 bytes missing)`.
        what: String,
        /// Where, in bytes from the start of the (decompressed) file.
        offset: u64,
        /// Frames handed out before.
        frames: u64,
    },
    /// The filter can match nothing that this interface gives.
    #[error("filter: {0}")]
    Filter(#[source] Box<FilterError>),
    /// No frame of this file can be decoded, for its link type is unknown here. Of a pcapng file this is known at its end
    /// only: its frames were handed out before.
    #[error("{name} uses link type {}, which cannot be decoded", link.0)]
    UnknownLinkType {
        /// The file.
        name: String,
        /// The type; of a pcapng file that of its first frame.
        link: LinkType,
    },
    /// No rights to capture.
    #[error("not allowed to capture on {interface}")]
    NotPermitted {
        /// The interface.
        interface: String,
    },
    /// No interface has that name.
    #[error("no interface \"{interface}\"")]
    NoSuchInterface {
        /// The name as given.
        interface: String,
    },
    /// The interface is down at the start.
    #[error("interface {interface} exists but is down")]
    InterfaceDown {
        /// The interface.
        interface: String,
    },
    /// The interface disappeared while capturing; of several the last ones.
    #[error("{} vanished", interfaces.join(", "))]
    InterfaceGone {
        /// Those that disappeared together, one at least.
        interfaces: Vec<String>,
    },
    /// What was asked is not to be had from this backend or interface: a link type, a direction, a buffer size.
    #[error("{interface}: {what}")]
    Unsupported {
        /// The interface.
        interface: String,
        /// What and why.
        what: String,
    },
}
