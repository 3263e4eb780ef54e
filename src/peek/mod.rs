//! Application bytes to small facts: pure functions over the first bytes of a stream.
//!
//! Keeps nothing between calls, allocates only for what it returns, never panics, and its work is bounded for any input.
//! Protocols are recognised by content, not by port.

pub mod tls;
pub mod tls_fingerprint;

/// What a reader says of bytes that may be the beginning of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek<T> {
    /// It is this.
    Is(T),
    /// It is not this, whatever follows.
    Not,
    /// It may be: more bytes are needed.
    More,
}
