//! What one packet costs the tracker, with few and with many flows under way.
//!
//! `cargo bench --bench flow` prints nanoseconds of processor time per packet. The packets are full TCP data segments with timestamps, decoded
//! on the spot (that part is shown apart); flows take turns in a scrambled order, so that no flow is in a cache because it was just there.

use etherparse::PacketBuilder;
use sockeye::decode::{Packet, decode};
use sockeye::flow::{FlowEvent, PacketMeta, Tracker, TrackerConfig};
use sockeye::model::{Frame, LinkType, Span, Timestamp};
use std::fs;
use std::hint::black_box;

const PACKETS: usize = 4_000_000;

/// Nanoseconds that this thread has had a processor, by Linux's count: other programs do not disturb it much.
fn cpu_nanos() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    text.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

/// Bytes of one datagram of this client; the addresses and ports are patched in, which is all that tells flows apart.
fn template() -> Vec<u8> {
    let mut bytes = Vec::new();
    let tcp = PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64).tcp(1000, 443, 1, 500).ack(1).psh();
    let options =
        [etherparse::TcpOptionElement::Noop, etherparse::TcpOptionElement::Noop, etherparse::TcpOptionElement::Timestamp(1, 1)];
    tcp.options(&options).expect("options fit").write(&mut bytes, &[0; 100]).expect("fits");
    bytes
}

/// Makes the template a packet of flow `flow`: its `round`-th hundred bytes.
fn patch(bytes: &mut [u8], flow: u32, round: u32) {
    bytes[12..16].copy_from_slice(&(0x0a00_0000 + flow / 50_000).to_be_bytes());
    bytes[20..22].copy_from_slice(&(1024 + (flow % 50_000) as u16).to_be_bytes());
    bytes[24..28].copy_from_slice(&(1 + round * 100).to_be_bytes());
}

fn frame(bytes: &[u8], ts: Timestamp) -> Frame<'_> {
    let wire_len = bytes.len() as u32;
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts,
        link: LinkType::RAW,
        wire_len,
        bytes,
        direction: None,
        options: None,
        marks: sockeye::model::FrameMarks::NONE,
    }
}

/// A full-cycle scramble of `0..flows`: multiplication by a number without common factors.
fn order(flows: u32) -> impl Fn(usize) -> (u32, u32) {
    let step = 7_368_787u64;
    move |i| {
        let round = i as u64 / u64::from(flows);
        (((i as u64 % u64::from(flows)) * step % u64::from(flows)) as u32, round as u32)
    }
}

/// Nanoseconds per packet of patching, decoding and tracking; and of the first two alone.
fn measure(flows: u32) -> (f64, f64) {
    let pick = order(flows);
    let mut bytes = template();
    let mut tracker = Tracker::new(TrackerConfig { max_flows: 20_000_000, ..TrackerConfig::default() });
    let mut sink = |event: FlowEvent<'_>| {
        black_box(&event);
    };
    let warm_up = flows as usize;
    let mut run = |range: std::ops::Range<usize>, track: bool| {
        let packets = range.len();
        let start = cpu_nanos();
        for i in range {
            let (flow, round) = pick(i);
            patch(&mut bytes, flow, round);
            let ts = Timestamp::from_parts(1_000_000, 0) + Span::from_nanos(i as i64 * 1000);
            let packet: Packet<'_> = decode(&frame(&bytes, ts));
            if track {
                let meta = PacketMeta {
                    source: 0,
                    number: i as u64 + 1,
                    ts,
                    wire_bytes: 152,
                    frames: 1,
                    marks: sockeye::model::FrameMarks::NONE,
                    interface: 0,
                    pieces: None,
                };
                black_box(tracker.on_packet(&meta, &packet, &mut sink));
            } else {
                black_box(&packet);
            }
        }
        (cpu_nanos() - start) as f64 / packets as f64
    };
    run(0..warm_up, true);
    let with = run(warm_up..warm_up + PACKETS, true);
    let without = run(warm_up..warm_up + PACKETS, false);
    (with, without)
}

/// Nanoseconds to change one word in records of a flow's size in the same order: what one miss of the caches costs here.
fn miss(flows: u32) -> f64 {
    let pick = order(flows);
    let mut records = vec![[1u64; 32]; flows as usize];
    let start = cpu_nanos();
    for i in 0..PACKETS {
        records[pick(i).0 as usize][0] += 1;
    }
    black_box(&records);
    (cpu_nanos() - start) as f64 / PACKETS as f64
}

fn main() {
    println!("{:>10}  {:>12}  {:>12}  {:>12}  {:>12}", "flows", "all", "decode", "tracker", "one miss");
    for flows in [10_000, 100_000, 1_000_000] {
        let (with, without) = measure(flows);
        let miss = miss(flows);
        println!("{flows:>10}  {with:>9.1} ns  {without:>9.1} ns  {:>9.1} ns  {miss:>9.1} ns", with - without);
    }
}
