//! One file a command: arguments to sources, tracker and output.

pub(crate) mod capture;
pub(crate) mod doctor;
pub(crate) mod flows;
pub(crate) mod handshakes;
pub(crate) mod interfaces;
pub(crate) mod packets;
mod records;
pub(crate) mod summary;
