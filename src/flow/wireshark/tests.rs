//! Conversations of a few packets and their labels. What tshark itself says is compared in `tests/wireshark`.

use super::conversation::{Conversation, Seen};
use super::labels::Labels;
use crate::decode::TcpFlags;
use crate::flow::key::End;

const A: End = End::Low;
const B: End = End::High;

/// A conversation, its clock in milliseconds, and what was said of it.
#[derive(Default)]
struct Talk {
    conversation: Conversation,
    packets: usize,
    options: &'static [u8],
    said: super::Analysis,
}

impl Talk {
    /// After a handshake of 10 ms: A at 101, B at 501, windows of 1000 without scale.
    fn open() -> Self {
        let mut talk = Self::default();
        assert_eq!(talk.send(0, A, "S", 100, 0, 1000, 0), "");
        assert_eq!(talk.send(10, B, "SA", 500, 101, 1000, 0), "");
        assert_eq!(talk.send(10, A, "A", 101, 501, 1000, 0), "");
        talk
    }

    #[expect(clippy::too_many_arguments, reason = "a header, in its own order")]
    fn send(&mut self, ms: i64, from: End, flags: &str, seq: u32, ack: u32, window: u32, len: u32) -> String {
        let flag = |letter| match letter {
            'S' => TcpFlags::SYN,
            'F' => TcpFlags::FIN,
            'R' => TcpFlags::RST,
            _ => TcpFlags::ACK,
        };
        let flags = flags.chars().map(flag).fold(TcpFlags(0), |all, flag| all | flag);
        let now = 1_700_000_000_000_000_000 + ms * 1_000_000;
        let (options, len) = (self.options, Some(len));
        let seen = Seen { from, seq, ack, window, flags, len, options, sound: true, whole: true, now };
        self.said = self.conversation.on_packet(&seen, self.packets == 0);
        self.packets += 1;
        self.said.labels.names().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn what_comes_again_is_told_apart_by_time_and_by_what_was_acknowledged() {
    let mut talk = Talk::open();
    assert_eq!(talk.send(20, A, "A", 101, 501, 1000, 100), "");
    assert_eq!(talk.send(20, A, "A", 301, 501, 1000, 100), "lost_segment");
    // Within the initial round trip of 10 ms after the newest data, then later.
    assert_eq!(talk.send(29, A, "A", 201, 501, 1000, 50), "out_of_order");
    assert_eq!(talk.send(31, A, "A", 251, 501, 1000, 50), "retransmission");
    assert_eq!(talk.send(40, B, "A", 501, 401, 1000, 0), "");
    assert_eq!(talk.send(60, A, "A", 101, 501, 1000, 100), "retransmission spurious_retransmission");
}

#[test]
fn two_duplicates_and_a_resend_at_once_are_fast() {
    let mut talk = Talk::open();
    for n in [0, 1, 2] {
        talk.send(20, A, "A", 201 + n * 100, 501, 1000, 100);
    }
    for _ in 0..2 {
        assert_eq!(talk.send(30, B, "A", 501, 101, 1000, 0), "duplicate_ack");
    }
    assert_eq!(talk.send(49, A, "A", 101, 501, 1000, 100), "retransmission fast_retransmission");
    assert_eq!(talk.send(70, A, "A", 101, 501, 1000, 50), "retransmission");
}

#[test]
fn windows_probes_and_keep_alives() {
    let mut talk = Talk::open();
    assert_eq!(talk.send(20, A, "A", 101, 501, 1000, 1000), "window_full");
    assert_eq!(talk.send(30, B, "A", 501, 1101, 0, 0), "zero_window");
    assert_eq!(talk.send(300, A, "A", 1101, 501, 1000, 1), "zero_window_probe");
    assert_eq!(talk.send(310, B, "A", 501, 1101, 0, 0), "zero_window zero_window_probe_ack");
    assert_eq!(talk.send(320, B, "A", 501, 1101, 500, 0), "window_update");
    assert_eq!(talk.send(9000, A, "A", 1100, 501, 1000, 1), "keep_alive");
    assert_eq!(talk.send(9010, B, "A", 501, 1101, 500, 0), "keep_alive_ack");
}

#[test]
fn what_was_acknowledged_and_not_seen_is_told_once() {
    let mut talk = Talk::open();
    talk.send(20, A, "A", 301, 501, 1000, 100);
    assert_eq!(talk.send(30, B, "A", 501, 401, 1000, 0), "ack_lost_segment");
    assert_eq!(talk.send(31, B, "A", 501, 401, 1000, 10), "");
    assert_eq!(talk.send(32, B, "A", 511, 451, 1000, 10), "ack_lost_segment");
    assert_eq!(talk.send(33, B, "A", 521, 461, 1000, 10), "");
}

#[test]
fn a_syn_with_another_number_begins_anew() {
    let mut talk = Talk::open();
    assert_eq!(talk.said.initial_rtt.map(crate::model::Span::nanos), Some(10_000_000));
    assert_eq!(talk.send(1000, A, "S", 100, 0, 1000, 0), "retransmission");
    assert_eq!(talk.send(2000, A, "S", 7000, 0, 1000, 0), "reused_ports");
    assert_eq!((talk.said.initial_rtt, talk.said.completeness), (None, 1));
    assert_eq!(talk.send(2020, B, "SA", 9000, 7001, 1000, 0), "");
    assert_eq!(talk.send(2021, B, "SA", 9500, 7001, 1000, 0), "lost_segment reused_ports");
}

#[test]
fn the_window_is_full_by_the_scale_that_was_offered() {
    let mut talk = Talk { options: &[3, 3, 2], ..Talk::default() };
    talk.send(0, A, "S", 100, 0, 1000, 0);
    talk.send(10, B, "SA", 500, 101, 1000, 0);
    talk.options = &[];
    talk.send(10, A, "A", 101, 501, 1000, 0);
    talk.send(11, B, "A", 501, 101, 1000, 0);
    assert_eq!(talk.send(20, A, "A", 101, 501, 1000, 1000), "");
    assert_eq!(talk.send(20, A, "A", 1101, 501, 1000, 3000), "window_full");
    // Without the handshake the scale is not known, and nothing is said.
    let mut midway = Talk::default();
    midway.send(0, B, "A", 501, 101, 1000, 10);
    assert_eq!(midway.send(1, A, "A", 101, 511, 1000, 1000), "");
}

#[test]
fn what_was_cut_counts_and_has_no_labels() {
    let mut talk = Talk::open();
    let seen = Seen {
        from: A,
        seq: 301,
        ack: 501,
        window: 1000,
        flags: TcpFlags::ACK,
        len: Some(100),
        options: &[],
        sound: true,
        whole: false,
        now: 0,
    };
    assert_eq!(talk.conversation.on_packet(&seen, false).labels, Labels(0));
    assert_eq!(talk.send(20, A, "A", 401, 501, 1000, 10), "");
    assert_eq!(talk.send(20, A, "A", 421, 501, 1000, 10), "lost_segment");
}

#[test]
fn a_tunnel_in_a_first_fragment_is_looked_into_and_the_fragment_of_tcp_is_not() {
    use crate::decode::decode;
    use crate::model::{Frame, LinkType, Timestamp};
    let ip = |protocol: u8, more: bool, data: &[u8]| {
        let length = (data.len() as u16 + 20).to_be_bytes();
        let flags = if more { 0x20 } else { 0 };
        let head = [0x45, 0, length[0], length[1], 0, 7, flags, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&head, data].concat()
    };
    let tcp = [156, 65, 0, 80, 0, 0, 0, 100, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0];
    let mut labeler = super::Labeler::default();
    let mut said = |bytes: &[u8]| {
        let frame = Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts: Timestamp::default(),
            link: LinkType::RAW,
            wire_len: bytes.len() as u32,
            bytes,
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        };
        let packet = decode(&frame);
        labeler.on_packet(&frame, &packet).map(|analysis| analysis.labels)
    };
    assert_eq!(said(&ip(6, true, &tcp)), Some(Labels(0)));
    assert_eq!(said(&ip(4, true, &ip(6, false, &tcp))), Some(Labels(0)));
    // The one in the tunnel was analysed: this one is known to repeat it.
    assert_eq!(said(&ip(6, false, &tcp)), Some(Labels::RETRANSMISSION));
    assert_eq!(said(&ip(17, true, &tcp)), None);
}
