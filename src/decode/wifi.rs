//! IEEE 802.11 data frames, with or without radiotap in front, as far as the LLC header in them.
//!
//! Not looked into: encrypted frames, aggregated ones (A-MSDU), management and control frames, and all but the first
//! fragment of a frame; each ends with an issue that says so.

use super::link;
use super::packet::{IssueKind, LayerKind};
use super::walk::Walk;

/// Radiotap (radiotap.org): version, padding, length (little-endian), words of present bits, fields. Only its flags matter here.
pub(super) fn radiotap(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[version, _, l0, l1]) = w.take::<4>(LayerKind::Radiotap, at) else { return };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 || length < 8 {
        return w.stop(IssueKind::BadHeader, LayerKind::Radiotap, at, 8);
    }
    let Some(header) = w.bytes(at).get(..length) else { return w.short(LayerKind::Radiotap, at, length) };
    if !w.push(LayerKind::Radiotap, at) {
        return;
    }
    let flags = radiotap_flags(header).unwrap_or_default();
    if flags & 0x10 != 0 {
        // The frame check sequence is at the end.
        w.set_end(w.end().saturating_sub(4));
    }
    ieee80211(w, at + length, flags & 0x20 != 0);
}

/// The field with bit 1. Before it lie the present words (each says in its top bit whether another follows) and, with
/// bit 0, eight bytes of time at a multiple of eight from the header's start.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let (words, _) = header.get(4..)?.as_chunks::<4>();
    let present = words.first()?[0];
    let extended = words.iter().take_while(|word| word[3] & 0x80 != 0).count();
    let mut at = 4 + (extended + 1) * 4;
    if present & 0x01 != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    if present & 0x02 != 0 { header.get(at).copied() } else { None }
}

/// An 802.11 frame (IEEE 802.11-2020 section 9.2): `padded` where the driver aligned the contents to four bytes.
pub(super) fn ieee80211(w: &mut Walk<'_, '_>, at: usize, padded: bool) {
    let Some(&[kind, flags]) = w.take::<2>(LayerKind::Ieee80211, at) else { return };
    let is_data = kind & 0x0f == 0x08;
    if !is_data {
        return w.stop(IssueKind::UnknownProtocol, LayerKind::Ieee80211, at, u32::from(kind));
    }
    let quality = kind & 0x80 != 0;
    let four_addresses = flags & 0x03 == 0x03;
    let fixed = if four_addresses { 30 } else { 24 };
    let mut length = fixed;
    if quality {
        // QoS control, then HT control if the order bit is set.
        length += if flags & 0x80 != 0 { 6 } else { 2 };
    }
    let Some(header) = w.bytes(at).get(..length) else { return w.short(LayerKind::Ieee80211, at, length) };
    if !w.push(LayerKind::Ieee80211, at) {
        return;
    }
    let contents = at + if padded { length.next_multiple_of(4) } else { length };
    let aggregated = quality && header.get(fixed).is_some_and(|control| control & 0x80 != 0);
    let later_fragment = header.get(22).is_some_and(|sequence| sequence & 0x0f != 0);
    if kind & 0x40 != 0 {
        // "Null": no data, only the header's power management bit.
        w.payload(contents);
    } else if flags & 0x40 != 0 {
        w.stop(IssueKind::Encrypted, LayerKind::Ieee80211, at, 0);
        w.payload(contents);
    } else if aggregated || later_fragment {
        w.stop(IssueKind::UnknownProtocol, LayerKind::Ieee80211, at, u32::from(kind));
        w.payload(contents);
    } else {
        link::llc(w, contents);
    }
}
