//! Written and read again gives the same; any bytes at all give packets or one error.

use crate::made::{BIG, Bytes, Kept, LITTLE, drain, everything, open, read};
use crate::rng::Rng;
use proptest::collection::vec;
use proptest::prelude::*;
use sockeye::model::{ByteOrder, FileFormat, Frame, FrameDirection, FrameOptions, LinkType, Timestamp};
use sockeye::output::pcap::{PcapConfig, PcapWriter};

/// A frame to be written.
#[derive(Clone, Debug)]
struct Made {
    nanos: i64,
    link: u16,
    more: u32,
    bytes: Vec<u8>,
    direction: Option<FrameDirection>,
    comment: Option<String>,
}

fn made() -> impl Strategy<Value = Made> {
    let direction = prop_oneof![Just(None), Just(Some(FrameDirection::Inbound)), Just(Some(FrameDirection::Outbound))];
    let comment = proptest::option::of("[a-zäß€ ]{0,20}");
    (any::<i64>(), 0..4_u16, 0..2000_u32, vec(any::<u8>(), 0..200), direction, comment)
        .prop_map(|(nanos, link, more, bytes, direction, comment)| Made { nanos, link, more, bytes, direction, comment })
}

fn bytes_of(order: ByteOrder) -> Bytes {
    if order == ByteOrder::Big { BIG } else { LITTLE }
}

fn order() -> impl Strategy<Value = ByteOrder> {
    prop_oneof![Just(ByteOrder::Big), Just(ByteOrder::Little)]
}

/// The options that stand beside a frame in a file of this byte order.
fn options(made: &Made, order: ByteOrder) -> Vec<u8> {
    let b = bytes_of(order);
    let mut out = made.comment.iter().flat_map(|c| b.option(1, c.as_bytes())).collect::<Vec<_>>();
    if let Some(direction) = made.direction {
        out.extend(b.option(2, &b.u32(if direction == FrameDirection::Inbound { 1 } else { 2 })));
    }
    out
}

fn write(frames: &[Made], format: FileFormat, order: ByteOrder) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written");
    let config = PcapConfig::new(format);
    let mut writer = PcapWriter::create(&path, &config).unwrap();
    for made in frames {
        let options = options(made, order);
        let frame = Frame {
            number: 1,
            source: 0,
            interface: made.link.into(),
            ts: Timestamp::from_nanos(made.nanos),
            link: LinkType(made.link),
            wire_len: made.bytes.len() as u32 + made.more,
            bytes: &made.bytes,
            direction: made.direction,
            options: (!options.is_empty()).then_some(FrameOptions { bytes: &options, order }),
            marks: sockeye::model::FrameMarks::NONE,
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(&path).unwrap()
}

proptest! {
    #[test]
    fn pcapng_gives_back_what_was_written(frames in vec(made(), 0..20), order in order()) {
        let (again, _) = read(&write(&frames, FileFormat::PcapNg, order));
        prop_assert_eq!(again.len(), frames.len());
        for (kept, made) in again.iter().zip(&frames) {
            prop_assert_eq!((kept.nanos, kept.link, &kept.bytes), (made.nanos, LinkType(made.link), &made.bytes));
            prop_assert_eq!((kept.wire_len, kept.direction), (made.bytes.len() as u32 + made.more, made.direction));
            prop_assert_eq!(&kept.options, &options(made, ByteOrder::Little));
        }
    }

    #[test]
    fn pcap_gives_back_what_was_written(frames in vec(made(), 1..20), nanoseconds: bool) {
        let frames: Vec<_> = frames.into_iter().map(|m| Made { nanos: m.nanos & i64::MAX >> 1, link: 101, ..m }).collect();
        let (again, _) = read(&write(&frames, FileFormat::Pcap { nanoseconds }, ByteOrder::Little));
        prop_assert_eq!(again.len(), frames.len());
        for (kept, made) in again.iter().zip(&frames) {
            // A pcap file ends in the year 2106.
            let most = 4_294_967_295_999_999_999;
            let nanos = made.nanos.min(most);
            prop_assert_eq!(kept.nanos, if nanoseconds { nanos } else { nanos - nanos % 1000 });
            prop_assert_eq!((&kept.bytes, kept.wire_len), (&made.bytes, made.bytes.len() as u32 + made.more));
        }
    }

    #[test]
    fn any_resolution_and_offset_gives_the_time(
        order in order(), resolution: u8, offset in prop_oneof![Just(0), any::<i64>(), -2_000_000_000..2_000_000_000_i64],
        ticks in prop_oneof![any::<u64>(), 0..1_000_000_000_000_u64],
    ) {
        let b = bytes_of(order);
        let options = [b.option(9, &[resolution]), b.option(14, &b.u64(offset as u64))].concat();
        let file = [b.section(&[]), b.interface(1, 0, &options), b.packet(0, ticks, 4, b"abcd", &[])].concat();
        let nanos = i128::from(read(&file).0[0].nanos);
        // A tick is 1/per_second; the time is the largest number of nanoseconds with
        // (nanos - offset) / 10^9 <= ticks / per_second, unless it does not fit. Resolutions beyond 10^-19 are left out
        // here: their products do not fit into 128 bits.
        let k = u32::from(resolution & 0x7f);
        let per_second = if resolution < 0x80 { 10_u128.checked_pow(k) } else { 1_u128.checked_shl(k) };
        if let Some(per_second) = per_second.filter(|p| *p < 1 << 64) {
            let since = nanos - i128::from(offset) * 1_000_000_000;
            let left = |n: i128| u128::try_from(n).map(|n| n.checked_mul(per_second));
            let right = u128::from(ticks) * 1_000_000_000;
            let below = left(since).map_or(true, |l| l.is_some_and(|l| l <= right));
            let above = left(since + 1).is_ok_and(|l| l.is_none_or(|l| l > right));
            prop_assert!(below || nanos == i128::from(i64::MIN), "{nanos} is too late");
            prop_assert!(above || nanos == i128::from(i64::MAX), "{nanos} is too early");
        }
    }

    #[test]
    fn any_bytes_give_packets_or_one_error(bytes in vec(any::<u8>(), 0..400), format in 0..5_usize) {
        let starts: [&[u8]; 5] = [
            b"",
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 3],
            &LITTLE.section(&[]),
            &[BIG.section(&[]), BIG.interface(1, 0, &[])].concat(),
        ];
        if let Ok(mut source) = open(&[starts[format], &bytes].concat()) {
            drain(&mut source);
        }
    }

    #[test]
    fn damaged_files_give_packets_or_one_error(damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut: prop::sample::Index) {
        let mut bytes = everything();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(1 + cut.index(bytes.len()));
        if let Ok(mut source) = open(&bytes) {
            let (frames, _) = drain(&mut source);
            // What could be read can be written and read again.
            let made: Vec<_> = frames.into_iter().map(|k| Made {
                nanos: k.nanos, link: k.link.0, more: 0, bytes: k.bytes, direction: k.direction, comment: None,
            }).collect();
            let (again, _) = read(&write(&made, FileFormat::PcapNg, ByteOrder::Little));
            prop_assert_eq!(again.len(), made.len());
        }
    }
}

#[test]
fn ten_thousand_damaged_files() {
    // Deterministic: the same damage in every run.
    let good = everything();
    let mut rng = Rng::new(1, 44);
    let mut random = |below: usize| rng.index(below);
    let (mut damaged, mut packets) = (0, 0);
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        let Ok(mut source) = open(&bytes) else {
            damaged += 1;
            continue;
        };
        let (frames, error): (Vec<Kept>, _) = drain(&mut source);
        packets += frames.len();
        damaged += usize::from(error.is_some());
    }
    assert!(damaged > 1000 && packets > 10_000, "{damaged} damaged files, {packets} packets");
}
