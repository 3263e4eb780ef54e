//! Live capture by all backends, over veth pairs and loopback in namespaces of our own. Needs root.

#![cfg(target_os = "linux")]

/// Each test for each backend that is built in.
macro_rules! for_backends {
    ($($test:ident)*) => {
        #[cfg(feature = "libpcap")]
        mod by_libpcap { $( #[test] fn $test() { super::$test(sockeye::model::LiveBackend::Libpcap); } )* }
        mod by_ring { $( #[test] fn $test() { super::$test(sockeye::model::LiveBackend::Ring); } )* }
        mod by_pnet { $( #[test] fn $test() { super::$test(sockeye::model::LiveBackend::Pnet); } )* }
    };
}

mod account;
mod cooked;
mod faults;
mod frames;
mod loopback;
#[path = "../support/netns.rs"]
mod netns;
mod opening;
mod sharing;

use netns::{FAR_IP, FAR_MAC, NEAR_IP, NEAR_MAC, Pair, VETH};
use pnet::datalink::{self, Channel};
use sockeye::capture::live::{self, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource};
use sockeye::model::{FrameDirection, FrameMarks, LinkType, LiveBackend};
use std::net::UdpSocket;
use std::time::SystemTime;

/// The engine may read in a thread of its own.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Live>();
};

/// A frame, kept.
#[derive(Clone, Debug)]
struct Kept {
    interface: u32,
    nanos: i64,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
    direction: Option<FrameDirection>,
    marks: FrameMarks,
}

fn open(spec: LiveSpec, backend: LiveBackend) -> Live {
    live::open(&[spec], Some(backend)).expect("opens")
}

/// Everything until it has been quiet for 0.3 s; notices are dropped.
fn drain(live: &mut Live) -> Vec<Kept> {
    let before = live.stats().frames;
    let mut kept = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        match live.next().expect("no error") {
            Next::Frame(frame) => {
                quiet = 0;
                assert_eq!(frame.number, before + kept.len() as u64 + 1, "frames are counted from 1");
                kept.push(Kept {
                    interface: frame.interface,
                    nanos: frame.ts.nanos(),
                    link: frame.link,
                    wire_len: frame.wire_len,
                    bytes: frame.bytes.to_vec(),
                    direction: frame.direction,
                    marks: frame.marks,
                });
            }
            Next::Idle => quiet += 1,
            Next::Notice(_) | Next::Changed(_) | Next::Drained => {}
            Next::End => break,
        }
    }
    kept
}

/// A socket that takes datagrams in silence, so that no ICMP answers.
fn sink(pair: &Pair, address: &str) -> UdpSocket {
    let address = format!("{address}:4000");
    pair.near.run(|| UdpSocket::bind(address).expect("binds"))
}

/// Sends datagrams of the given payload lengths from the far side, each byte the datagram's number.
fn send(pair: &Pair, port: u16, lengths: impl IntoIterator<Item = usize> + Send) {
    pair.far.run(|| {
        let socket = UdpSocket::bind((FAR_IP, 0)).expect("binds");
        for (i, length) in lengths.into_iter().enumerate() {
            socket.send_to(&vec![i as u8; length], (NEAR_IP, port)).expect("sends");
        }
    });
}

/// Sends frames as they are from the far side.
fn inject(pair: &Pair, frames: &[Vec<u8>]) {
    pair.far.run(|| {
        let all = datalink::interfaces();
        let veth = all.iter().find(|interface| interface.name == VETH).expect("is there");
        let Ok(Channel::Ethernet(mut sender, _)) = datalink::channel(veth, datalink::Config::default()) else {
            panic!("no channel")
        };
        for frame in frames {
            sender.send_to(frame, None).expect("not refused").expect("sends");
        }
    });
}

fn ethernet(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [NEAR_MAC, FAR_MAC].concat();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Ethernet, IPv4 and UDP headers before a datagram's payload.
const HEADERS: usize = 14 + 20 + 8;

fn now_nanos() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as i64
}
