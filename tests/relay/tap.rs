//! A capture at one end, made by sockeye itself, and what its packets say.

use crate::netns::Namespace;
use sockeye::capture::live::{self, LiveSpec};
use sockeye::capture::{Next, PacketSource};
use sockeye::model::{Frame, LinkType, Timestamp};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

/// A packet that was captured.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) at: i64,
    pub(crate) bytes: Vec<u8>,
}

impl Kept {
    pub(crate) fn frame(&self, number: u64) -> Frame<'_> {
        Frame {
            number,
            source: 0,
            interface: 0,
            ts: Timestamp::from_nanos(self.at),
            link: LinkType::RAW,
            wire_len: self.bytes.len() as u32,
            bytes: &self.bytes,
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        }
    }
}

/// Captures on the namespace's `tun0` until it is told to stop and nothing comes any more.
pub(crate) fn capture(space: &Namespace, ready: &Sender<()>, stop: &AtomicBool) -> Vec<Kept> {
    space.run(|| {
        let mut source = live::open(&[LiveSpec::new("tun0")], None).expect("opens");
        ready.send(()).expect("somebody waits");
        let (mut kept, mut quiet) = (Vec::new(), 0);
        while quiet < 5 {
            match source.next().expect("no error") {
                Next::Frame(frame) => {
                    quiet = 0;
                    assert_eq!(frame.link, LinkType::RAW);
                    kept.push(Kept { at: frame.ts.nanos(), bytes: frame.bytes.to_vec() });
                }
                Next::Idle | Next::Drained => quiet += u32::from(stop.load(Ordering::Relaxed)),
                Next::Notice(_) | Next::Changed(_) => {}
                Next::End => break,
            }
        }
        kept
    })
}

/// Where a TCP packet stands in its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its sender: 0 has the address that ends in 1.
    pub(crate) from: usize,
    /// The port at host 0, and at host 1.
    pub(crate) ports: (u16, u16),
    pub(crate) seq: u32,
    /// Data, SYN and FIN.
    pub(crate) length: u32,
}

/// `None`: not TCP.
pub(crate) fn place(bytes: &[u8]) -> Option<Place> {
    let (header, protocol, last, total) = match bytes.first()? >> 4 {
        4 => (20, bytes[9], bytes[15], usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        6 => (40, bytes[6], bytes[23], 40 + usize::from(u16::from_be_bytes([bytes[4], bytes[5]]))),
        _ => return None,
    };
    if protocol != 6 {
        return None;
    }
    let tcp = &bytes[header..];
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let (from, flags) = (usize::from(last - 1), tcp[13]);
    let ports = if from == 0 { (port(0), port(2)) } else { (port(2), port(0)) };
    let data = total - header - usize::from(tcp[12] >> 4) * 4;
    let length = data as u32 + u32::from(flags & 1) + u32::from(flags >> 1 & 1);
    Some(Place { from, ports, seq: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]), length })
}
