//! Filters on frames that stay in the cache: our interpreter, with and without tags to look through, against libpcap's.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use sockeye::filter::Filter;
use sockeye::model::{Frame, LinkType, Timestamp};
use std::hint::black_box;

/// A thousand frames: TCP to 443 and others, UDP, IPv6, with `tags` bytes of tags.
fn mix(tags: &[u8]) -> Vec<Vec<u8>> {
    let build = |i: usize| {
        let mut out = Vec::new();
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let (from, data) = (u16::try_from(40_000 + i).unwrap(), vec![0; i % 200]);
        match i % 5 {
            0 | 1 => ethernet.ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64).tcp(from, 443, 1, 9).write(&mut out, &data),
            2 => ethernet.ipv4([10, 0, 0, 3], [192, 0, 2, 9], 64).tcp(from, 8080, 1, 9).write(&mut out, &data),
            3 => ethernet.ipv4([10, 0, 0, 2], [192, 0, 2, 1], 64).udp(from, 53).write(&mut out, &data),
            _ => ethernet.ipv6([0x20; 16], [0x21; 16], 64).tcp(from, 443, 1, 9).write(&mut out, &data),
        }
        .unwrap();
        out.splice(12..12, tags.iter().copied());
        out
    };
    (0..1000).map(build).collect()
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let (link, ts) = (LinkType::ETHERNET, Timestamp::default());
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts,
        link,
        wire_len: 1500,
        bytes,
        direction: None,
        options: None,
        marks: sockeye::model::FrameMarks::NONE,
    }
}

fn filters(c: &mut Criterion) {
    let ports = (1..48).map(|p| format!("port {}", p * 7)).collect::<Vec<_>>().join(" or ");
    let expressions = [
        ("tcp port 443", "tcp port 443"),
        ("ip6", "ip6"),
        ("host and ports", "host 192.0.2.1 and (tcp port 443 or udp port 53)"),
        ("47 ports", &ports),
    ];
    let mut group = c.benchmark_group("filter");
    let (plain, tagged) = (mix(&[]), mix(&[0x81, 0, 0, 5]));
    group.throughput(Throughput::Elements(1000));
    for (name, expression) in expressions {
        let mut filter = Filter::expression(expression, false).unwrap();
        for (what, frames) in [("ours", &plain), ("ours, tagged", &tagged)] {
            group.bench_function(BenchmarkId::new(what, name), |b| {
                b.iter(|| frames.iter().filter(|bytes| filter.accepts(black_box(&frame(bytes)))).count());
            });
        }
        let program = pcap::Capture::dead(pcap::Linktype(1)).unwrap().compile(expression, true).unwrap();
        group.bench_function(BenchmarkId::new("libpcap", name), |b| {
            b.iter(|| plain.iter().filter(|bytes| program.filter(black_box(bytes))).count());
        });
    }
    group.finish();
}

criterion_group!(benches, filters);
criterion_main!(benches);
