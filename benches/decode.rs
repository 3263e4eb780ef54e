//! Decoding against etherparse's own whole-packet slicing, on frames that stay in the cache.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{LaxSlicedPacket, PacketBuilder, SlicedPacket};
use sockeye::decode::decode;
use sockeye::model::{Frame, LinkType, Timestamp};
use std::hint::black_box;

const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn build(kind: usize, payload: usize) -> Vec<u8> {
    let data = vec![0x5a; payload];
    let mut out = Vec::new();
    let ethernet = PacketBuilder::ethernet2(A, B);
    let (v4, w4) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    let (v6, w6) = ([0x20; 16], [0x21; 16]);
    match kind {
        0 => ethernet.ipv4(v4, w4, 64).tcp(40000, 443, 1, 65000).ack(2).write(&mut out, &data),
        1 => ethernet.ipv4(v4, w4, 64).udp(40000, 53).write(&mut out, &data),
        2 => ethernet.ipv6(v6, w6, 64).tcp(40000, 443, 1, 65000).ack(2).write(&mut out, &data),
        3 => ethernet.ipv6(v6, w6, 64).udp(40000, 53).write(&mut out, &data),
        4 => ethernet
            .single_vlan(etherparse::VlanId::try_new(7).unwrap())
            .ipv4(v4, w4, 64)
            .tcp(40000, 443, 1, 9)
            .write(&mut out, &data),
        _ => ethernet.ipv4(v4, w4, 64).icmpv4_echo_request(1, 2).write(&mut out, &data),
    }
    .unwrap();
    out
}

/// A thousand frames. Of every ten: six TCP over IPv4, one each of UDP over IPv4, TCP over IPv6 and UDP over IPv6, and one that
/// is by turns TCP over IPv4 in a VLAN and an ICMP echo.
fn mix() -> Vec<Vec<u8>> {
    (0..1000).map(|i| build([0, 0, 0, 1, 0, 2, 0, 3, 0, 4 + i / 10 % 2][i % 10], i % 40)).collect()
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::default(),
        link: LinkType::ETHERNET,
        wire_len: bytes.len() as u32,
        bytes,
        direction: None,
        options: None,
        marks: sockeye::model::FrameMarks::NONE,
    }
}

fn benches(c: &mut Criterion) {
    for (name, frames) in [("tcp4", (0..1000).map(|i| build(0, i % 40)).collect()), ("mix", mix())] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function("sockeye", |b| {
            b.iter(|| {
                for bytes in &frames {
                    black_box(decode(black_box(&frame(bytes))));
                }
            });
        });
        group.bench_function("etherparse strict", |b| {
            b.iter(|| {
                for bytes in &frames {
                    black_box(SlicedPacket::from_ethernet(black_box(bytes)).unwrap());
                }
            });
        });
        group.bench_function("etherparse lax", |b| {
            b.iter(|| {
                for bytes in &frames {
                    black_box(LaxSlicedPacket::from_ethernet(black_box(bytes)).unwrap());
                }
            });
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
