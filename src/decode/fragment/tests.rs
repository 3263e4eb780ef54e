//! The pool: joining, the four ways to be given up, and its bounds under hostile traffic.

use super::super::{Transport, TunnelKind, decode};
use super::*;
use crate::model::{IpProtocol, LinkType};
use etherparse::PacketBuilder;
use proptest::prelude::*;

const A: [u8; 16] = [0x20; 16];
const B: [u8; 16] = [0x30; 16];

fn frame(number: u64, seconds: i64, link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame {
        number,
        source: 0,
        interface: 0,
        ts: Timestamp::from_parts(seconds, 0),
        link,
        wire_len: bytes.len() as u32,
        bytes,
        direction: None,
        options: None,
        marks: crate::model::FrameMarks::NONE,
    }
}

/// A UDP datagram (header and data, right checksum) between 10.0.0.1 and 10.0.0.2.
fn udp(data: &[u8], v6: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if v6 {
        PacketBuilder::ipv6(A, B, 64).udp(7, 9).write(&mut out, data).unwrap();
        out.split_off(40)
    } else {
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(7, 9).write(&mut out, data).unwrap();
        out.split_off(20)
    }
}

fn v4(id: u16, offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend((20 + data.len() as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend((u16::from(more) << 13 | (offset / 8) as u16).to_be_bytes());
    out.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend(data);
    out
}

/// With a hop-by-hop header before the fragment header.
fn v6(id: u32, offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((16 + data.len() as u16).to_be_bytes());
    out.extend([0, 64]);
    out.extend(A.iter().chain(&B));
    out.extend([44, 0, 1, 4, 0, 0, 0, 0]);
    out.extend([17, 0]);
    out.extend((offset as u16 | u16::from(more)).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(data);
    out
}

fn put<'p>(pool: &'p mut FragmentPool, number: u64, seconds: i64, bytes: &[u8]) -> Inserted<'p> {
    let f = frame(number, seconds, LinkType::RAW, bytes);
    pool.insert(&f, &decode(&f))
}

#[test]
fn pieces_in_any_order_give_the_datagram() {
    for six in [false, true] {
        let whole = udp(&(0..100).collect::<Vec<u8>>(), six);
        let make = |from: usize, to: usize| {
            let (more, data) = (to < whole.len(), &whole[from..to]);
            if six { v6(5, from, more, data) } else { v4(5, from, more, data) }
        };
        let pieces = [make(0, 40), make(40, 80), make(80, 108)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut pool = FragmentPool::new(FragmentLimits::default());
            assert!(matches!(put(&mut pool, 11, 0, &pieces[order[0]]), Inserted::Held));
            assert!(matches!(put(&mut pool, 12, 1, &pieces[order[1]]), Inserted::Held));
            let Inserted::Joined(joined) = put(&mut pool, 13, 2, &pieces[order[2]]) else { panic!() };
            let p = joined.packet;
            assert_eq!((p.transport, p.ports(), p.payload().len()), (Transport::Udp, Some((7, 9)), 100));
            assert_eq!((p.issue, p.fragment.is_piece(), p.protocol), (None, false, IpProtocol::UDP));
            assert!(p.payload().iter().copied().eq(0..100));
            assert_eq!(p.transport_checksum(), Some(crate::decode::Checksum::Good));
            assert!(matches!(p.ip_checksum(), None | Some(crate::decode::Checksum::Good)));
            let wire: usize = pieces.iter().map(Vec::len).sum();
            assert_eq!((joined.frames, joined.wire_bytes, joined.ip_bytes), (3, wire as u64, wire as u64));
            assert_eq!((joined.first, joined.start), ((0, 11), Timestamp::from_parts(0, 0)));
            assert_eq!((pool.len(), pool.bytes(), pool.stats().completed), (0, 0, 1));
        }
    }
}

#[test]
fn the_joined_datagram_keeps_its_link_layer_and_tunnel() {
    let whole = udp(&[1; 40], false);
    let head = [&[2; 12][..], &[0x81, 0, 0, 7, 8, 0]].concat();
    let outer = |inner: &[u8]| {
        let mut ip = v4(1, 0, false, inner);
        ip[9] = 4;
        [head.clone(), ip].concat()
    };
    let pieces = [outer(&v4(9, 0, true, &whole[..24])), outer(&v4(9, 24, false, &whole[24..]))];
    let mut pool = FragmentPool::new(FragmentLimits::default());
    let mut found = None;
    for (i, bytes) in pieces.iter().enumerate() {
        let f = frame(i as u64, 0, LinkType::ETHERNET, bytes);
        if let Inserted::Joined(joined) = pool.insert(&f, &decode(&f)) {
            found = Some((joined.packet.vlan, joined.packet.tunnel, joined.packet.ports(), joined.packet.layers().len()));
        }
    }
    let direct = [outer(&v4(9, 0, false, &whole))].concat();
    let p = decode(&frame(1, 0, LinkType::ETHERNET, &direct)).layers().len();
    let tunnel = super::super::Tunnel { kind: TunnelKind::IpIp, depth: 1, id: 0, id_is_network: true, outer: 18 };
    assert_eq!(found, Some(([7, 0], tunnel, Some((7, 9)), p)));
}

#[test]
fn an_atomic_header_inside_the_first_fragment_is_data() {
    // The fragmented part starts with a fragment header of its own, with another id (RFC 6946).
    let whole = [vec![17, 0, 0, 0, 0, 0, 0, 99], udp(&[5; 24], true)].concat();
    let inner = |mut bytes: Vec<u8>| {
        bytes[48] = 44;
        bytes
    };
    let mut pool = FragmentPool::new(FragmentLimits::default());
    assert!(matches!(put(&mut pool, 1, 0, &inner(v6(5, 0, true, &whole[..24]))), Inserted::Held));
    let Inserted::Joined(joined) = put(&mut pool, 2, 0, &inner(v6(5, 24, false, &whole[24..]))) else { panic!("not joined") };
    assert_eq!((joined.packet.ports(), joined.packet.payload()), (Some((7, 9)), &[5; 24][..]));
}

#[test]
fn pieces_of_different_tunnels_and_vlans_are_not_joined() {
    let whole = udp(&[1; 40], false);
    let halves = [v4(9, 0, true, &whole[..24]), v4(9, 24, false, &whole[24..])];
    let around = |tag: u8, peer: u8, inner: &[u8]| {
        let mut ip = v4(1, 0, false, inner);
        (ip[9], ip[19]) = (4, peer);
        [&[2; 12][..], &[0x81, 0, 0, tag, 8, 0], &ip].concat()
    };
    for (tag, peer, joins) in [(7, 2, true), (7, 3, false), (8, 2, false)] {
        let mut pool = FragmentPool::new(FragmentLimits::default());
        let first = around(7, 2, &halves[0]);
        let f = frame(1, 0, LinkType::ETHERNET, &first);
        pool.insert(&f, &decode(&f));
        let second = around(tag, peer, &halves[1]);
        let f = frame(2, 0, LinkType::ETHERNET, &second);
        assert_eq!(matches!(pool.insert(&f, &decode(&f)), Inserted::Joined(_)), joins, "{tag} {peer}");
    }
}

#[test]
fn what_is_no_piece_is_whole() {
    let mut pool = FragmentPool::new(FragmentLimits::default());
    assert!(matches!(put(&mut pool, 1, 0, &v4(1, 0, false, &udp(b"x", false))), Inserted::Whole));
    assert!(matches!(put(&mut pool, 1, 0, &v6(1, 0, false, &udp(b"x", true))), Inserted::Whole));
    assert_eq!((pool.len(), pool.stats()), (0, FragmentStats::default()));
}

#[test]
fn old_datagrams_are_given_up() {
    let mut pool = FragmentPool::new(FragmentLimits { age: Span::from_secs(30), ..FragmentLimits::default() });
    put(&mut pool, 1, 100, &v4(1, 0, true, &[0; 8]));
    put(&mut pool, 2, 120, &v4(2, 0, true, &[0; 8]));
    put(&mut pool, 3, 130, &v4(2, 8, true, &[0; 8]));
    assert_eq!((pool.len(), pool.stats().expired), (2, 0));
    assert!(matches!(put(&mut pool, 4, 131, &v4(1, 8, false, &[0; 8])), Inserted::Held), "too late: starts anew");
    assert_eq!((pool.len(), pool.stats().expired), (2, 1));
    pool.expire(Timestamp::from_parts(151, 0));
    assert_eq!((pool.len(), pool.stats().expired), (1, 2));
    // Time that runs backwards ages nothing.
    pool.expire(Timestamp::from_parts(0, 0));
    assert_eq!(pool.len(), 1);
}

#[test]
fn one_piece_from_the_future_does_not_keep_the_others_from_ageing() {
    let mut pool = FragmentPool::new(FragmentLimits::default());
    let whole = v4(0, 0, false, &udp(b"x", false));
    put(&mut pool, 1, 1_000_000, &v4(1, 0, true, &[0; 8]));
    put(&mut pool, 2, 100, &v4(2, 0, true, &[0; 8]));
    // Packets of any kind say what the time really is.
    for number in 0..1000 {
        put(&mut pool, number, 110, &whole);
    }
    put(&mut pool, 3, 110 + 31, &v4(3, 0, true, &[0; 8]));
    assert_eq!((pool.len(), pool.stats().expired), (1, 2));
}

#[test]
fn what_is_unfinished_at_the_end_is_counted() {
    let mut pool = FragmentPool::new(FragmentLimits::default());
    put(&mut pool, 1, 0, &v4(1, 0, true, &[0; 8]));
    put(&mut pool, 2, 0, &v4(2, 8, false, &[0; 8]));
    // Given up for its overlap, and counted as that.
    put(&mut pool, 3, 0, &v6(1, 0, true, &[1; 16]));
    put(&mut pool, 4, 0, &v6(1, 8, true, &[2; 16]));
    pool.finish();
    assert_eq!((pool.len(), pool.bytes(), pool.stats().unfinished, pool.stats().overlapping), (0, 0, 2, 1));
}

#[test]
fn the_oldest_makes_room() {
    let mut pool = FragmentPool::new(FragmentLimits { datagrams: 2, ..FragmentLimits::default() });
    for id in 1..=3 {
        put(&mut pool, id.into(), 0, &v4(id, 0, true, &[0; 8]));
    }
    assert_eq!((pool.len(), pool.stats().evicted), (2, 1));
    assert!(matches!(put(&mut pool, 4, 0, &v4(2, 8, false, &[0; 8])), Inserted::Joined(_)));
}

#[test]
fn overlaps_are_counted_and_drop_ipv6() {
    let mut pool = FragmentPool::new(FragmentLimits::default());
    put(&mut pool, 1, 0, &v6(1, 0, true, &[1; 16]));
    assert!(matches!(put(&mut pool, 2, 0, &v6(1, 8, true, &[2; 16])), Inserted::Dropped));
    assert!(matches!(put(&mut pool, 3, 0, &v6(1, 16, false, &[3; 8])), Inserted::Dropped));
    put(&mut pool, 4, 0, &v4(1, 0, true, &[1; 16]));
    assert!(matches!(put(&mut pool, 5, 0, &v4(1, 8, true, &[2; 16])), Inserted::Held));
    assert!(matches!(put(&mut pool, 5, 0, &v4(1, 0, true, &[1; 16])), Inserted::Dropped));
    assert!(matches!(put(&mut pool, 6, 0, &v4(1, 24, false, &[3; 8])), Inserted::Joined(_)));
    let stats = pool.stats();
    assert_eq!((stats.overlapping, stats.duplicate, stats.completed, stats.expired), (2, 1, 1, 0));
    pool.expire(Timestamp::from_parts(1000, 0));
    assert_eq!((pool.len(), pool.bytes(), pool.stats().expired), (0, 0, 0));
}

#[test]
fn nonsense_and_cut_fragments_are_not_kept() {
    let mut pool = FragmentPool::new(FragmentLimits::default());
    for bytes in [v4(1, 0, true, &[0; 9]), v4(1, 8, true, &[]), v4(1, 65528, false, &[0; 8]), v6(1, 8, true, &[0; 7])] {
        assert!(matches!(put(&mut pool, 1, 0, &bytes), Inserted::Dropped));
    }
    assert_eq!((pool.len(), pool.stats().malformed), (0, 4));
    let bytes = v4(1, 0, true, &[0; 80]);
    let f = Frame { wire_len: 100, ..frame(1, 0, LinkType::RAW, &bytes[..60]) };
    assert!(matches!(pool.insert(&f, &decode(&f)), Inserted::Dropped));
    assert_eq!((pool.len(), pool.stats().cut), (0, 1));
    // Says that it is longer than the wire was.
    let f = Frame { wire_len: 60, ..f };
    assert!(matches!(pool.insert(&f, &decode(&f)), Inserted::Dropped));
    assert_eq!((pool.len(), pool.stats().malformed), (0, 5));
    // Fits the fragment fields, but no total length: 65,528 of data and 20 of header.
    put(&mut pool, 1, 0, &v4(1, 0, true, &vec![0; 32768]));
    assert!(matches!(put(&mut pool, 1, 0, &v4(1, 32768, false, &vec![0; 32760])), Inserted::Dropped));
    assert_eq!((pool.len(), pool.bytes(), pool.stats().malformed), (0, 0, 6));
}

#[test]
fn a_limit_below_one_fragment_keeps_nothing_and_does_not_hang() {
    let mut pool = FragmentPool::new(FragmentLimits { bytes: 100, ..FragmentLimits::default() });
    assert!(matches!(put(&mut pool, 1, 0, &v4(1, 0, true, &[0; 8])), Inserted::Dropped));
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bounds_hold_whatever_comes(
        pieces in prop::collection::vec((0u16..40, 0usize..8000, any::<bool>(), 0usize..300, any::<bool>(), 0i64..100), 1..300),
        datagrams in 1usize..20,
        bytes in 500usize..60_000,
    ) {
        let mut pool = FragmentPool::new(FragmentLimits { datagrams, bytes, age: Span::from_secs(30) });
        for (i, (id, eighth, more, length, six, seconds)) in pieces.into_iter().enumerate() {
            let length = if more { length & !7 } else { length };
            let data = vec![i as u8; length];
            let offset = eighth * 8;
            let packet = if six { v6(id.into(), offset, more, &data) } else { v4(id, offset, more, &data) };
            put(&mut pool, i as u64, seconds, &packet);
            prop_assert!(pool.len() <= datagrams && pool.bytes() <= bytes);
            prop_assert_eq!(pool.len(), pool.order.len());
            let sum: usize = pool.datagrams.values().map(|d| ENTRY + d.memory()).sum();
            prop_assert_eq!(sum, pool.bytes());
        }
        pool.expire(Timestamp::MAX);
        prop_assert_eq!((pool.len(), pool.bytes()), (0, 0));
    }
}

#[test]
fn what_encloses_a_joined_datagram_is_told_apart_from_what_enclosed_its_fragments() {
    let gre = |inside: &[u8]| {
        let mut out = vec![0x45, 0];
        out.extend((24 + inside.len() as u16).to_be_bytes());
        out.extend([0, 0, 0, 0, 64, 47, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2, 0, 0, 8, 0]);
        out.extend(inside);
        out
    };
    let mut data =
        udp(&[&[8, 0, 0, 0, 0, 0, 7, 0][..], &[1; 12], &[8, 0], &v4(1, 0, false, &udp(&[5; 30], false))].concat(), false);
    data[2..4].copy_from_slice(&4789u16.to_be_bytes());
    let (first, second) = data.split_at(40);
    let mut pool = FragmentPool::new(FragmentLimits::default());
    for (number, piece) in [v4(7, 0, true, first), v4(7, 40, false, second)].iter().enumerate() {
        let bytes = gre(piece);
        let frame = frame(number as u64 + 1, 0, LinkType::RAW, &bytes);
        let packet = decode(&frame);
        // Each fragment was in a datagram of its own, which is whole.
        let around: Vec<_> =
            super::super::enclosing(&frame, &packet).map(|outer| (outer.ip_len as usize, outer.network_at)).collect();
        assert_eq!((around, packet.tunnel.depth), (vec![(bytes.len(), 0)], 1));
        let Inserted::Joined(joined) = pool.insert(&frame, &packet) else { continue };
        assert_eq!(
            (joined.packet.tunnel.kind, joined.packet.tunnel.depth, joined.packet.payload().len()),
            (TunnelKind::Vxlan, 2, 30)
        );
        let around: Vec<_> = joined.enclosing().collect();
        let [datagram] = &around[..] else { panic!("the joined datagram itself, and no other") };
        assert_eq!((datagram.ports(), datagram.tunnel.kind, datagram.tunnel.depth), (Some((7, 4789)), TunnelKind::Gre, 1));
        assert_eq!((datagram.ip_len as usize, datagram.network_at), (20 + data.len(), joined.packet.tunnel.outer));
        return;
    }
    panic!("two fragments make a datagram");
}
