//! What this host knows of addresses and sockets, asked for beside the packets and never waited for on their path.
//!
//! [`names`] keeps names of addresses and asks for those it lacks by a [`names::Resolver`]; [`lookup`] is what such a one ends
//! in: the system's own lookup, which may take seconds and goes over the network.

#[cfg(unix)]
pub mod lookup;
pub mod names;
