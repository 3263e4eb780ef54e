//! Words that every other module shares. Standard library only, no I/O, no wall clock.

pub mod bytes;
pub mod clock;
pub mod endpoint;
pub mod excerpt;
pub mod frame;
pub mod kept;
pub mod linktype;
pub mod network;
pub mod protocol;
pub mod source;
pub mod time;

pub use bytes::{ByteOrder, Cursor};
pub use clock::Clock;
pub use endpoint::{Endpoint, MacAddr};
pub use excerpt::{Excerpt, short};
pub use frame::{Frame, FrameDirection, FrameMarks, FrameOptions};
pub use kept::KeptFrame;
pub use linktype::LinkType;
pub use network::Network;
pub use protocol::IpProtocol;
pub use source::{
    FileFormat, FileNotes, InterfaceCounters, InterfaceInfo, LiveBackend, RawOptions, Secrets, SourceInfo, SourceKind,
    SourceStats,
};
pub use time::{Span, Timestamp};
