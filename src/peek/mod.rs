//! What applications say: bytes of a stream or a datagram to small facts. By content, not by port.
//!
//! Pure functions: nothing is kept, no input panics, and the work on any input is in proportion to its length. Facts borrow from the
//! bytes and are as they were sent, so whoever shows them makes them safe; the text of DNS names and data is safe already.
//!
//! Every reader tells three cases apart, see [`Peek`]. [`recognise`] and [`recognise_datagram`] ask which application it is, and
//! the reader of that application says more: [`dns`], [`http`], [`tls`], [`quic`], [`banner`] (SSH, and greetings of mail and file servers),
//! [`login`] (user names sent in the clear).

pub mod banner;
pub mod clear;
pub mod dns;
pub mod http;
pub mod login;
pub mod phrase;
pub mod quic;
pub mod tls;
pub mod tls_fingerprint;

mod command;
mod recognise;

pub use banner::Service;
pub use recognise::{App, Recognised, Speaker, fits_nothing, recognise, recognise_datagram, speaker};

/// What a reader makes of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek<T> {
    /// It is what the reader reads.
    Is(T),
    /// It is something else, whatever follows.
    Not,
    /// It may be, as far as it goes; more bytes are needed.
    More,
}

impl<T> Peek<T> {
    /// What it is, if it is.
    #[must_use]
    pub fn is(self) -> Option<T> {
        match self {
            Self::Is(found) => Some(found),
            Self::Not | Self::More => None,
        }
    }

    /// The same answer about something made of it.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Peek<U> {
        match self {
            Self::Is(found) => Peek::Is(change(found)),
            Self::Not => Peek::Not,
            Self::More => Peek::More,
        }
    }

    /// The first of two that is something; else `More` if either may become something.
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Is(_) => self,
            Self::Not => other(),
            Self::More => match other() {
                Self::Not => Self::More,
                known => known,
            },
        }
    }
}

/// Why a reader stops: what it returns in between, so that `?` can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Not,
    More,
}

impl<T> From<Stop> for Peek<T> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Not => Self::Not,
            Stop::More => Self::More,
        }
    }
}

impl<T> From<Result<T, Stop>> for Peek<T> {
    fn from(read: Result<T, Stop>) -> Self {
        match read {
            Ok(found) => Self::Is(found),
            Err(stop) => stop.into(),
        }
    }
}

#[cfg(test)]
mod samples {
    //! What was said in the bundled captures.

    use crate::capture::file::OpenOptions;
    use crate::capture::{Input, Next};
    use crate::decode::{Transport, decode};
    use crate::flow::{FlowEvent, FlowId, PacketMeta, StreamPart, Tracker, TrackerConfig, Wants};
    use crate::model::{Endpoint, FrameMarks};
    use std::path::Path;

    /// A capture's UDP data and TCP streams, in order of their beginning.
    #[derive(Default)]
    pub(super) struct Said {
        /// Ports, the sender's first, and data.
        pub(super) datagrams: Vec<((u16, u16), Vec<u8>)>,
        /// Of each connection what its senders said; who is first in the list spoke first.
        pub(super) streams: Vec<(FlowId, Sides)>,
    }

    type Sides = Vec<(Endpoint, Vec<u8>)>;

    pub(super) fn read(name: &str) -> Said {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
        let mut input = Input::open(&[path.into_os_string()], &OpenOptions::default()).unwrap();
        let wants = Wants { streams: true, ..Wants::default() };
        let mut tracker = Tracker::new(TrackerConfig { wants, ..TrackerConfig::default() });
        let mut said = Said::default();
        let mut streams: Vec<(FlowId, Sides)> = Vec::new();
        let mut on_event = |event: FlowEvent<'_>| {
            let FlowEvent::Stream(event) = event else { return };
            let StreamPart::Data { bytes, .. } = event.part else { return };
            let known = streams.iter().position(|(flow, _)| *flow == event.flow);
            let flow = known.unwrap_or_else(|| {
                streams.push((event.flow, Vec::new()));
                streams.len() - 1
            });
            let sides = &mut streams[flow].1;
            match sides.iter_mut().find(|(sender, _)| *sender == event.sender) {
                Some((_, said)) => said.extend(bytes),
                None => sides.push((event.sender, bytes.to_vec())),
            }
        };
        while let Next::Frame(frame) = input.next().unwrap() {
            let (source, number, ts) = (frame.source, frame.number, frame.ts);
            let wire_bytes = u64::from(frame.wire_len);
            let meta =
                PacketMeta { source, number, ts, wire_bytes, frames: 1, marks: FrameMarks::NONE, interface: 0, pieces: None };
            let packet = decode(&frame);
            if packet.transport == Transport::Udp {
                said.datagrams.push((packet.ports().unwrap(), packet.payload().to_vec()));
            }
            tracker.on_packet(&meta, &packet, &mut on_event);
        }
        tracker.finish(&mut on_event);
        said.streams = streams;
        said
    }
}
