//! What is seen at first sight is what the decoder sees, whatever the bytes.

use super::{Threads, Whose};
use crate::capture::file::{OpenOptions, open};
use crate::capture::{Next, PacketSource};
use crate::decode::decode;
use crate::flow::key::Ends;
use crate::model::Frame;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// Says whether the frame was one that is plain at first sight.
fn check(threads: Threads, frame: &Frame<'_>) -> bool {
    let Some(thread) = threads.at_first_sight(frame) else { return false };
    let packet = decode(frame);
    assert!(!packet.fragment.is_piece(), "a piece is everybody's: {:02x?}", frame.bytes);
    if Ends::of(&packet).is_some() {
        assert_eq!(threads.whose(&packet), Whose::One(thread), "{:02x?}", frame.bytes);
    }
    true
}

#[test]
fn first_sight_and_decoder_agree_on_every_capture_and_what_is_like_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let options = OpenOptions { allow_unknown_link: true, ..OpenOptions::default() };
    let threads = Threads::new(64);
    let (mut frames, mut plain, mut random) = (0, 0, 1_u64);
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(mut source) = open(&path, &options) else { continue };
        let mut left = 400;
        while let Ok(next) = source.next() {
            let frame = match next {
                Next::Frame(frame) if left > 0 => frame,
                Next::Frame(_) | Next::End => break,
                _ => continue,
            };
            left -= 1;
            frames += 1;
            plain += u32::from(check(threads, &frame));
            for _ in 0..30 {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                let mut bytes = frame.bytes.to_vec();
                let (at, by) = ((random >> 33) as usize % bytes.len().clamp(1, 64), (random >> 25) as u8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= by;
                }
                let cut = if by % 4 == 0 { at } else { bytes.len() };
                check(threads, &Frame { bytes: &bytes[..cut], ..frame });
            }
        }
    }
    assert!(frames > 1000 && plain > frames / 3, "{plain} of {frames}");
}

#[test]
fn hosts_are_spread_evenly_over_threads_even_if_they_were_chosen() {
    /// In one of 64 places by a product that needs no secret: whoever prepares traffic knows no better.
    fn chosen(host: u32) -> bool {
        u64::from(host).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58 == 7
    }
    let server = IpAddr::from([11, 0, 0, 1]);
    for threads in [2, 3, 8, 64] {
        let shared = Threads::new(threads);
        for which in [|_| true, chosen] {
            let mut counts = vec![0_usize; threads];
            let hosts = (0x1400_0000_u32..).filter(|&host| which(host)).take(100 * threads);
            hosts.for_each(|host| counts[shared.of(IpAddr::from(host.to_be_bytes()), server)] += 1);
            assert!(counts.iter().all(|count| (40..250).contains(count)), "{threads} threads: {counts:?}");
        }
    }
}
