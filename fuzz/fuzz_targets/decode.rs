//! Any bytes as frames of any link type: no panic, offsets within the bytes, fragments within their bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::decode::{
    FragmentLimits, FragmentPool, Inserted, IssueKind, LayerKind, Network, Packet, Transport, decode, decode_ip, enclosing,
};
use sockeye::model::{Frame, LinkType, Span, Timestamp};

const LIMIT: usize = 20_000;

fn check(p: &Packet<'_>) {
    assert!(p.captured_end as usize <= p.bytes.len());
    let mut last = 0;
    for layer in p.layers() {
        assert!(layer.offset >= last && (layer.offset as usize) < p.bytes.len());
        last = layer.offset;
    }
    assert!(p.layers().filter(|layer| layer.kind == LayerKind::Payload).count() <= 1);
    assert_eq!(p.addresses().is_some(), matches!(p.network, Network::Ipv4 | Network::Ipv6));
    assert_eq!(p.ports().is_some(), matches!(p.transport, Transport::Tcp | Transport::Udp | Transport::Sctp));
    assert!(p.payload().len() as u64 <= u64::from(p.payload_len));
    if let Some(issue) = p.issue {
        let short = matches!(issue.kind, IssueKind::CutByCapture | IssueKind::TooShort | IssueKind::TooLong);
        assert!(!short || issue.had < issue.needed);
    }
    if let Some(tcp) = p.tcp() {
        assert!(tcp.options().count() <= 41);
    }
    let quoted = p.quoted().map(|q| (q.ports(), q.tcp_seq(), q.icmp().map(|i| i.kind())));
    let views = (p.ethernet(), p.vlan_tags().count(), p.arp().map(|a| a.sender()), p.udp(), p.datagram_id());
    std::hint::black_box((quoted, views, p.ip_checksum(), p.transport_checksum(), p.transport_bytes(), p.endpoints()));
}

// The input is a list of frames: link type (an index), length past the capture, seconds, length, bytes.
fuzz_target!(|data: &[u8]| {
    let links: Vec<LinkType> = LinkType::decoded().collect();
    let limits = FragmentLimits { datagrams: 5, bytes: LIMIT, age: Span::from_secs(30) };
    let mut pool = FragmentPool::new(limits);
    let mut rest = data;
    let mut number = 0;
    while let [link, more, seconds, length, after @ ..] = rest {
        let (bytes, later) = after.split_at(usize::from(*length).min(after.len()));
        rest = later;
        number += 1;
        let frame = Frame {
            number,
            source: 0,
            interface: 0,
            ts: Timestamp::from_parts(i64::from(*seconds), 0),
            link: links[usize::from(*link) % links.len()],
            wire_len: (bytes.len() + usize::from(*more)) as u32,
            bytes,
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        };
        let packet = decode(&frame);
        check(&packet);
        enclosing(&frame, &packet).for_each(|outer| check(&outer));
        check(&decode_ip(bytes));
        if let Inserted::Joined(joined) = pool.insert(&frame, &packet) {
            check(&joined.packet);
            joined.enclosing().for_each(|outer| check(&outer));
        }
        assert!(pool.bytes() <= LIMIT && pool.len() <= 5);
    }
});
