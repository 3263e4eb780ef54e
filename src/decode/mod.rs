//! Bytes to layers. Decoding never fails: it returns what it understood and where it stopped.
//!
//! [`decode`] is stateless and works on one frame; fragments stay fragments. [`fragment`] joins them and decodes the whole.

pub mod packet;

pub use packet::{Fragment, Issue, IssueKind, Layer, LayerKind, Network, Packet, Transport, Tunnel, TunnelKind};
