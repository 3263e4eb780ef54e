//! Records to bytes: classic pcap and pcapng, little-endian, appended to a buffer. What file they go to is not known here.

use super::block::{BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE, NAMES, SECRETS, SECTION_HEADER, STATISTICS};
use super::options::{COMMENT, Owner, carry, number64, push, push_end};
use super::packets::{CHECKSUM_PENDING, DROPCOUNT, FLAGS, SEGMENTATION};
use crate::model::{ByteOrder, Frame, FrameDirection, InterfaceCounters, InterfaceInfo, LinkType, Secrets, Timestamp};
use std::net::IpAddr;

/// Added to every time of an interface whose times lie before 1970: whole seconds, so that nothing is lost. The earliest
/// moment that a [`Timestamp`] holds becomes tick 145,224,192.
const BEFORE_1970: i64 = -9_223_372_037;

/// What a pcapng section says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SectionInfo {
    /// Hardware that captured.
    pub hardware: Option<String>,
    /// Operating system that captured.
    pub os: Option<String>,
    /// Program that writes the file.
    pub application: Option<String>,
    /// Comments.
    pub comments: Vec<String>,
}

/// Appends the header of a classic file. `network` may carry the length of a frame check sequence.
pub fn pcap_header(out: &mut Vec<u8>, nanoseconds: bool, snaplen: u32, link: LinkType, fcs_len: Option<u8>) {
    let magic: u32 = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let fcs = match fcs_len {
        // In units of 16 bits, four bits of them.
        Some(len) if len % 2 == 0 && len < 32 => 1 << 26 | u32::from(len / 2) << 28,
        _ => 0,
    };
    for word in [magic, 4 << 16 | 2, 0, 0, snaplen, u32::from(link.0) | fcs] {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Appends a record of a classic file. False: its time is not between 1970 and 2106 and became the nearest that is.
#[must_use]
#[inline]
pub fn pcap_record(out: &mut Vec<u8>, nanoseconds: bool, frame: &Frame<'_>) -> bool {
    let nanos = frame.ts.subsec_nanos();
    let fraction = if nanoseconds { nanos } else { nanos / 1000 };
    let (seconds, fraction, fits) = match u32::try_from(frame.ts.seconds()) {
        Ok(seconds) => (seconds, fraction, true),
        Err(_) if frame.ts.nanos() < 0 => (0, 0, false),
        Err(_) => (u32::MAX, if nanoseconds { 999_999_999 } else { 999_999 }, false),
    };
    let mut header = [0; 16];
    for (field, word) in header.chunks_exact_mut(4).zip([seconds, fraction, frame.bytes.len() as u32, frame.wire_len]) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&header);
    out.extend_from_slice(frame.bytes);
    fits
}

/// Appends a block whose body `fill` appends.
fn block(out: &mut Vec<u8>, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    fill(out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    let total = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend_from_slice(&total);
    out[start + 4..start + 8].copy_from_slice(&total);
}

fn push_text(out: &mut Vec<u8>, code: u16, text: Option<&String>) {
    if let Some(text) = text {
        push(out, code, text.as_bytes());
    }
}

fn push_comments(out: &mut Vec<u8>, comments: &[String]) {
    for comment in comments {
        push(out, COMMENT, comment.as_bytes());
    }
}

/// Appends a Section Header Block of unknown section length.
pub fn section_header(out: &mut Vec<u8>, info: &SectionInfo) {
    block(out, SECTION_HEADER, |out| {
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(&(-1_i64).to_le_bytes());
        let start = out.len();
        push_comments(out, &info.comments);
        push_text(out, 2, info.hardware.as_ref());
        push_text(out, 3, info.os.as_ref());
        push_text(out, 4, info.application.as_ref());
        if out.len() > start {
            push_end(out);
        }
    });
}

/// Appends an Interface Description Block whose clock counts nanoseconds: since 1970, or, `before_1970`, since a moment
/// before every time that a [`Timestamp`] holds.
pub fn interface(out: &mut Vec<u8>, info: &InterfaceInfo, link: LinkType, before_1970: bool) {
    block(out, INTERFACE, |out| {
        out.extend_from_slice(&link.0.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&info.snaplen.unwrap_or(0).to_le_bytes());
        push_comments(out, &info.comments);
        push_text(out, 2, info.name.as_ref());
        push_text(out, 3, info.description.as_ref());
        if let Some(speed) = info.speed {
            push(out, 8, &speed.to_le_bytes());
        }
        push(out, 9, &[9]);
        if let Some(filter) = &info.filter {
            push(out, 11, &[&[0], filter.as_bytes()].concat());
        }
        push_text(out, 12, info.os.as_ref());
        if let Some(len) = info.fcs_len {
            push(out, 13, &[len]);
        }
        if before_1970 {
            push(out, 14, &BEFORE_1970.to_le_bytes());
        }
        push_text(out, 15, info.hardware.as_ref());
        carry(out, &info.other.bytes, info.other.order, Owner::Interface, |_, _| true);
        push_end(out);
    });
}

/// Ticks of a clock that starts in 1970 or, `before_1970`, before all times.
fn ticks(ts: Timestamp, before_1970: bool) -> u64 {
    let start = if before_1970 { i128::from(BEFORE_1970) * 1_000_000_000 } else { 0 };
    u64::try_from(i128::from(ts.nanos()) - start).unwrap_or(0)
}

/// Appends an Enhanced Packet Block. Times before 1970 need an interface whose clock starts `before_1970`.
///
/// Options that the frame brings are carried over, but for `epb_dropcount`: what [`FrameMarks`](crate::model::FrameMarks)
/// say was lost before it stands there once, whatever the options said.
pub fn packet(out: &mut Vec<u8>, interface: u32, before_1970: bool, frame: &Frame<'_>) {
    let ticks = if before_1970 || frame.ts.nanos() < 0 { ticks(frame.ts, before_1970) } else { frame.ts.nanos() as u64 };
    let options = frame.options.map_or(0, |o| o.bytes.len());
    out.reserve(60 + frame.bytes.len() + options);
    block(out, ENHANCED_PACKET, |out| {
        let mut header = [0; 20];
        let words = [interface, (ticks >> 32) as u32, ticks as u32, frame.bytes.len() as u32, frame.wire_len];
        for (field, word) in header.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&header);
        out.extend_from_slice(frame.bytes);
        out.resize(out.len() + frame.bytes.len().next_multiple_of(4) - frame.bytes.len(), 0);
        let start = out.len();
        let dropped = frame.marks.dropped_before;
        let mut told = false;
        if let Some(options) = frame.options {
            // Flags are among them.
            carry(out, options.bytes, options.order, Owner::Packet, |code, value| {
                code != DROPCOUNT
                    || (number64(value, options.order).unwrap_or(0) == dropped && !std::mem::replace(&mut told, true))
            });
        } else {
            let flags = flags(frame);
            if flags != 0 {
                push(out, FLAGS, &flags.to_le_bytes());
            }
        }
        if dropped > 0 && !told {
            push(out, DROPCOUNT, &dropped.to_le_bytes());
        }
        if out.len() > start {
            push_end(out);
        }
    });
}

/// The options of a frame with a comment behind them, as its block would have them, and their byte order: for [`Frame::options`].
#[must_use]
pub fn with_comment(frame: &Frame<'_>, comment: &str) -> (Vec<u8>, ByteOrder) {
    let mut out = Vec::new();
    match (frame.options, flags(frame)) {
        (Some(options), _) => carry(&mut out, options.bytes, options.order, Owner::Packet, |_, _| true),
        (None, 0) => {}
        // Where there are options, flags are among them.
        (None, flags) => push(&mut out, FLAGS, &flags.to_le_bytes()),
    }
    push(&mut out, COMMENT, comment.as_bytes());
    (out, ByteOrder::Little)
}

/// `epb_flags` of a frame that did not come from a pcapng file.
const fn flags(frame: &Frame<'_>) -> u32 {
    let direction = match frame.direction {
        None => 0,
        Some(FrameDirection::Inbound) => 1,
        Some(FrameDirection::Outbound) => 2,
    };
    let pending = if frame.marks.checksum_pending { CHECKSUM_PENDING } else { 0 };
    let merged = if frame.marks.gso { SEGMENTATION } else { 0 };
    direction | pending | merged
}

/// Appends an Interface Statistics Block, dated `at` or with the end that the counters name.
pub fn statistics(out: &mut Vec<u8>, interface: u32, counters: &InterfaceCounters, comments: &[String], at: Timestamp) {
    block(out, STATISTICS, |out| {
        // Two words, the upper one first, whatever the byte order. Of times before 1970 there is no statistic.
        let time = |ts: Timestamp| {
            let ticks = ticks(ts, false);
            [((ticks >> 32) as u32).to_le_bytes(), (ticks as u32).to_le_bytes()].concat()
        };
        out.extend_from_slice(&interface.to_le_bytes());
        out.extend_from_slice(&time(counters.end.unwrap_or(at)));
        push_comments(out, comments);
        for (code, moment) in [(2, counters.start), (3, counters.end)] {
            if let Some(moment) = moment {
                push(out, code, &time(moment));
            }
        }
        let numbers = [
            (4, counters.received),
            (5, counters.dropped_interface),
            (6, counters.accepted),
            (7, counters.dropped_kernel),
            (8, counters.delivered),
        ];
        for (code, number) in numbers {
            if let Some(number) = number {
                push(out, code, &number.to_le_bytes());
            }
        }
        push_end(out);
    });
}

/// Appends a Name Resolution Block with these names and comments.
pub fn names(out: &mut Vec<u8>, names: &[(IpAddr, String)], comments: &[String]) {
    block(out, NAMES, |out| {
        for (address, name) in names {
            let (kind, mut value) = match address {
                IpAddr::V4(a) => (1, a.octets().to_vec()),
                IpAddr::V6(a) => (2, a.octets().to_vec()),
            };
            value.extend_from_slice(name.as_bytes());
            value.push(0);
            push(out, kind, &value);
        }
        push_end(out);
        if !comments.is_empty() {
            push_comments(out, comments);
            push_end(out);
        }
    });
}

/// Appends a Decryption Secrets Block.
pub fn secrets(out: &mut Vec<u8>, secrets: &Secrets) {
    block(out, SECRETS, |out| {
        out.extend_from_slice(&secrets.kind.to_le_bytes());
        out.extend_from_slice(&(secrets.data.len() as u32).to_le_bytes());
        out.extend_from_slice(&secrets.data);
    });
}

/// How much of what was written is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Bytes of whole records, from the start.
    pub bytes: usize,
    /// Packets in them.
    pub packets: u64,
}

/// How much of the first `reached` bytes of `written` is whole, `written` being what the functions above appended.
/// `at_start`: it starts with the header of a classic file.
#[must_use]
pub fn whole(written: &[u8], reached: usize, pcapng: bool, at_start: bool) -> Whole {
    let word = |i: usize| written.get(i..i + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let mut whole = Whole::default();
    if at_start && !pcapng {
        if reached < 24 {
            return whole;
        }
        whole.bytes = 24;
    }
    loop {
        let (len, is_packet) = if pcapng {
            let (Some(kind), Some(total)) = (word(whole.bytes), word(whole.bytes + 4)) else { return whole };
            (total as usize, kind == ENHANCED_PACKET)
        } else {
            let Some(caplen) = word(whole.bytes + 8) else { return whole };
            (16 + caplen as usize, true)
        };
        if len == 0 || whole.bytes + len > reached {
            return whole;
        }
        whole.bytes += len;
        whole.packets += u64::from(is_packet);
    }
}
