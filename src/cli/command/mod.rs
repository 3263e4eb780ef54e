//! One file a command: arguments to sources, tracker and output.

pub(crate) mod capture;
mod choosing;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod flows;
pub(crate) mod follow;
pub(crate) mod handshakes;
pub(crate) mod interfaces;
mod one;
pub(crate) mod packets;
mod records;
pub(crate) mod show;
pub(crate) mod split;
pub(crate) mod summary;
