//! TLS (and SSL 3.0) over the first bytes of each side's stream: what the client offers, what the server chose, whose certificate it
//! shows, and why a side gives up, as far as that is in the clear.
//!
//! Each reader takes one side's bytes from its first on, as many as there are, and says whether it needs more: messages may be
//! split over records and segments anywhere. [`Parts`] tells a side's messages and records in their order.

mod alert;
#[cfg(test)]
mod answers;
mod certificate;
mod ciphers;
mod client_hello;
mod der;
mod extensions;
mod hello;
#[cfg(test)]
mod hellos;
mod names;
mod reader;
mod record;
mod server_hello;
mod sslv2;
mod text;

pub use alert::{Alert, alert};
pub use certificate::{Certificate, MAX_NAMES, certificate};
pub use client_hello::{ClientHello, client_hello};
pub use extensions::{
    ALPN, EC_POINT_FORMATS, Extensions, Protocols, SERVER_NAME, SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS, SUPPORTED_VERSIONS,
};
pub use names::{Cipher, HandshakeKind, Version, is_grease};
pub use record::{Content, ContentType, MAX_RECORD, Part, Parts, RECORD_HEADER, Reached, Record};
pub use server_hello::{ServerHello, server_hello};
pub use sslv2::{Sslv2Hello, sslv2_hello};
pub use text::shown;
