//! Times, numbers, dumps, and our part of the line.

use super::super::{HexMode, NamedZone, Zone};
use super::*;
use crate::flow::{Change, FlowId, FlowKind, State};
use crate::model::Span;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_parts(1_700_000_000, nanos)
}

/// The times in front of packets that came at these moments.
fn times(options: &LineOptions, moments: &[Timestamp]) -> Vec<String> {
    let bytes = ip4(17, &udp(2000, b""));
    let mut printer = LinePrinter::new(options.clone());
    let mut seen = Vec::new();
    for ts in moments {
        let mut out = Vec::new();
        let frame = Frame { ts: *ts, ..frame(&bytes, LinkType::RAW, bytes.len()) };
        printer.write(&mut out, &frame, &Packet::empty(&bytes), &Note::default());
        seen.push(text(out).split_once(" IP ").unwrap().0.to_owned());
    }
    seen
}

fn utc(time: TimeFormat, nano: bool) -> LineOptions {
    LineOptions { time, nano, zone: Zone::Utc, ..bare() }
}

#[test]
fn every_format_of_time() {
    let moments = [at(1_234_567), at(2_000_000_999), at(2_000_000_000)];
    assert_eq!(times(&utc(TimeFormat::Clock, false), &moments), ["22:13:20.001234", "22:13:22.000000", "22:13:22.000000"]);
    assert_eq!(times(&utc(TimeFormat::Clock, true), &moments[..1]), ["22:13:20.001234567"]);
    assert_eq!(times(&utc(TimeFormat::Epoch, false), &moments[..1]), ["1700000000.001234"]);
    assert_eq!(times(&utc(TimeFormat::Date, false), &moments[..1]), ["2023-11-14 22:13:20.001234"]);
    assert_eq!(
        times(&utc(TimeFormat::DeltaPrevious, true), &moments),
        [" 00:00:00.000000000", " 00:00:01.998766432", "-00:00:00.000000999"]
    );
    assert_eq!(
        times(&utc(TimeFormat::DeltaFirst, false), &moments),
        [" 00:00:00.000000", " 00:00:01.998766", " 00:00:01.998766"]
    );
}

#[test]
fn zones_and_the_hour_that_comes_twice() {
    let zone = |name: &str| LineOptions { zone: Zone::Named(NamedZone::find(name).unwrap()), ..utc(TimeFormat::Date, false) };
    assert_eq!(times(&zone("Asia/Kolkata"), &[at(0)]), ["2023-11-15 03:43:20.000000"]);
    // Central Europe set its clocks back on 2023-10-29 at 01:00 UTC.
    let before = Timestamp::from_parts(1_698_541_199, 0);
    let after = Timestamp::from_parts(1_698_541_200, 0);
    assert_eq!(
        times(&zone("Europe/Berlin"), &[before, after, before]),
        ["2023-10-29 02:59:59.000000", "2023-10-29 02:00:00.000000", "2023-10-29 02:59:59.000000"]
    );
}

#[test]
fn calendars_agree() {
    use chrono::DateTime;
    for seconds in (-62_000_000_000i64..9_200_000_000).step_by(7_654_321) {
        let ts = Timestamp::from_parts(seconds.clamp(-9_000_000_000, 9_000_000_000), 0);
        let expected = DateTime::from_timestamp(ts.seconds(), 0).unwrap().format("%Y-%m-%d %H:%M:%S.000000").to_string();
        assert_eq!(times(&utc(TimeFormat::Date, false), &[ts]), [expected]);
    }
}

#[test]
fn packets_are_counted() {
    let bytes = ip4(17, &udp(2000, b""));
    let lines = lines_of(&LineOptions { number: true, ..bare() }, LinkType::RAW, &[bytes.clone(), bytes]);
    assert_eq!(lines[0], "    1  IP 10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 0");
    assert!(lines[1].starts_with("    2  IP "));
}

#[test]
fn dumps() {
    let packet = ether(0x0800, &ip4(17, &udp(2000, b"ab\rcd\r\n\t\x1b~")));
    let dump = |hex| {
        let text = ether_line(&LineOptions { hex, ..bare() }, &packet);
        text.split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(
        dump(HexMode::Hex),
        "\t0x0000:  4500 0026 0001 0000 4011 66c4 0a00 0001\n\
         \t0x0010:  0a00 0002 03e8 07d0 0012 e7b5 6162 0d63\n\
         \t0x0020:  640d 0a09 1b7e"
    );
    assert_eq!(
        dump(HexMode::HexAscii),
        "\t0x0000:  4500 0026 0001 0000 4011 66c4 0a00 0001  E..&....@.f.....\n\
         \t0x0010:  0a00 0002 03e8 07d0 0012 e7b5 6162 0d63  ............ab.c\n\
         \t0x0020:  640d 0a09 1b7e                           d....~"
    );
    assert!(dump(HexMode::HexLink).starts_with("\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500\n"));
    assert!(dump(HexMode::HexAsciiLink).starts_with("\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500  ..............E.\n"));
    assert_eq!(dump(HexMode::Ascii), "E..&....@.f.\n...\n...........ab.cd\n\t.~");
}

#[test]
fn a_cut_packet_is_dumped_whole() {
    let packet = ether(0x0800, &ip4(17, &udp(2000, b"")));
    let text = ether_line(&LineOptions { hex: HexMode::Hex, ..bare() }, &packet[..20]);
    assert_eq!(text, "IP  [|ip]\n\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500\n\t0x0010:  001c 0001");
}

fn noted(options: &LineOptions, source: u16, note: &Note) -> String {
    let bytes = ip4(6, &tcp(0x10, 1, 1, b"", b""));
    let frame = Frame { number: 7, source, ..frame(&bytes, LinkType::RAW, bytes.len()) };
    let mut packet = Packet::empty(&bytes);
    packet.transport_at = 20;
    let mut out = Vec::new();
    LinePrinter::new(options.clone()).write(&mut out, &frame, &packet, note);
    text(out)
}

#[test]
fn our_part() {
    let ours = LineOptions { plain: false, ..bare() };
    let flow = Some(FlowId { kind: FlowKind::Tcp, number: 3 });
    let end = |options: &LineOptions, note: &Note| noted(options, 1, note).split_once(" ; ").unwrap().1.to_owned();
    assert_eq!(end(&ours, &Note::default()), "#7\n");
    assert_eq!(end(&ours, &Note { flow, ..Note::default() }), "#7 c3\n");
    let several = LineOptions { many_sources: true, ..ours.clone() };
    let opened = Note { flow, change: Some(Change::State(State::Open)), ..Note::default() };
    assert_eq!(end(&several, &opened), "2#7 c3 open\n");
    let answered = Note { flow, change: Some(Change::SynAck(Span::from_nanos(22_499_000))), ..Note::default() };
    assert_eq!(end(&ours, &answered), "#7 c3 rtt 22.499ms\n");
    let dumped = LineOptions { hex: HexMode::Hex, ..ours };
    assert!(noted(&dumped, 0, &opened).contains("length 0 ; #7 c3 open\n\t0x0000:  4500"));
    assert!(!noted(&bare(), 0, &opened).contains(';'));
}

#[test]
fn the_scaled_window_is_ours_and_verbose() {
    let note = Note { window_scale: Some(10), ..Note::default() };
    let ours = |verbosity| LineOptions { plain: false, ..verbose(verbosity) };
    assert!(noted(&ours(1), 0, &note).contains("win 100 (=102400), length 0"));
    assert!(noted(&ours(0), 0, &note).contains("win 100, length 0"));
    assert!(noted(&verbose(1), 0, &note).contains("win 100, length 0"));
}
