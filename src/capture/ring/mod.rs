//! Placeholder until the ring is merged.

pub mod fanout;
