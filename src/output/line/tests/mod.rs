//! Lines as facts: packets built here, and the text that `tcpdump -n -t` (version 4.99.3) prints for them.

mod icmp;
mod ip;
mod link;
mod modes;
mod robust;
mod tcp;
mod tunnel;

use super::{LineOptions, LinePrinter, TimeFormat};
use crate::decode::Packet;
use crate::flow::Note;
use crate::model::{Frame, LinkType, Timestamp};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Options of `tcpdump -n -t`.
fn bare() -> LineOptions {
    LineOptions { time: TimeFormat::None, plain: true, ..LineOptions::default() }
}

fn verbose(times: u8) -> LineOptions {
    LineOptions { verbosity: times, ..bare() }
}

fn with_link() -> LineOptions {
    LineOptions { link_header: true, ..bare() }
}

fn frame(bytes: &[u8], link: LinkType, wire_len: usize) -> Frame<'_> {
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::from_parts(1_700_000_000, 1_234_567),
        link,
        wire_len: wire_len as u32,
        bytes,
        direction: None,
        options: None,
        marks: crate::model::FrameMarks::NONE,
    }
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("lines are UTF-8")
}

/// The lines of frames of any link type, all by one printer.
fn lines_of(options: &LineOptions, link: LinkType, frames: &[Vec<u8>]) -> Vec<String> {
    let mut printer = LinePrinter::new(options.clone());
    let mut lines = Vec::new();
    for bytes in frames {
        let mut out = Vec::new();
        printer.write(&mut out, &frame(bytes, link, bytes.len()), &Packet::empty(bytes), &Note::default());
        let line = text(out);
        lines.push(line.strip_suffix('\n').expect("lines are ended").to_owned());
    }
    lines
}

/// The line of one raw IP packet.
fn line(options: &LineOptions, packet: &[u8]) -> String {
    lines_of(options, LinkType::RAW, &[packet.to_vec()]).remove(0)
}

/// The line of one raw IP packet of which only `captured` bytes are there.
fn cut_line(options: &LineOptions, packet: &[u8], captured: usize) -> String {
    let mut out = Vec::new();
    let bytes = &packet[..captured];
    let frame = frame(bytes, LinkType::RAW, packet.len());
    LinePrinter::new(options.clone()).write(&mut out, &frame, &Packet::empty(bytes), &Note::default());
    text(out).trim_end_matches('\n').to_owned()
}

/// The line of one Ethernet frame.
fn ether_line(options: &LineOptions, packet: &[u8]) -> String {
    lines_of(options, LinkType::ETHERNET, &[packet.to_vec()]).remove(0)
}

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// The internet checksum, written plainly: another way to it than the one that is tested.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for (i, b) in bytes.iter().enumerate() {
        sum += if i % 2 == 0 { u32::from(*b) << 8 } else { u32::from(*b) };
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// An IPv4 datagram from A to B with `options` padded by the caller.
fn ip4_with(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0];
    packet.extend(A.octets());
    packet.extend(B.octets());
    packet.extend(options);
    put16(&mut packet, 2, (header + payload.len()) as u16);
    let sum = checksum(&packet);
    put16(&mut packet, 10, sum);
    packet.extend(payload);
    packet
}

fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip4_with(protocol, &[], payload)
}

/// An IPv4 datagram with 16 bits of its header changed and the checksum made right again.
fn ip4_patched(protocol: u8, payload: &[u8], at: usize, value: u16) -> Vec<u8> {
    let mut packet = ip4(protocol, payload);
    put16(&mut packet, at, value);
    put16(&mut packet, 10, 0);
    let sum = checksum(&packet[..20]);
    put16(&mut packet, 10, sum);
    packet
}

fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    put16(&mut packet, 4, payload.len() as u16);
    packet.extend(A6.octets());
    packet.extend(B6.octets());
    packet.extend(payload);
    packet
}

/// Fills in a transport checksum at `at`.
fn summed(mut body: Vec<u8>, at: usize, protocol: u8, v6: bool) -> Vec<u8> {
    let mut whole = if v6 { [A6.octets(), B6.octets()].concat() } else { [A.octets(), B.octets()].concat() };
    whole.extend((body.len() as u32).to_be_bytes());
    whole.extend([0, 0, 0, protocol]);
    whole.extend(&body);
    let sum = checksum(&whole);
    put16(&mut body, at, sum);
    body
}

/// A segment from port 1000 to port 2000 with a right checksum.
fn tcp(flags: u8, seq: u32, ack: u32, options: &[u8], data: &[u8]) -> Vec<u8> {
    tcp_between(1000, 2000, flags, seq, ack, options, data)
}

fn tcp_between(from: u16, to: u16, flags: u8, seq: u32, ack: u32, options: &[u8], data: &[u8]) -> Vec<u8> {
    let mut body = [from.to_be_bytes(), to.to_be_bytes()].concat();
    body.extend(seq.to_be_bytes());
    body.extend(ack.to_be_bytes());
    body.extend([((20 + options.len()) << 2) as u8, flags, 0, 100, 0, 0, 0, 0]);
    body.extend(options);
    body.extend(data);
    summed(body, 16, 6, false)
}

/// A datagram from port 1000 to `to` with a right checksum.
fn udp(to: u16, data: &[u8]) -> Vec<u8> {
    let mut body = [1000u16.to_be_bytes(), to.to_be_bytes(), (8 + data.len() as u16).to_be_bytes(), [0; 2]].concat();
    body.extend(data);
    summed(body, 6, 17, false)
}

fn icmp4(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, code, 0, 0];
    body.extend(rest);
    let sum = checksum(&body);
    put16(&mut body, 2, sum);
    body
}

fn icmp6(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, code, 0, 0];
    body.extend(rest);
    summed(body, 2, 58, true)
}

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &kind.to_be_bytes(), payload].concat()
}
