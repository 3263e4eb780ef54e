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

/// Frames that were looked at, and what they turned out to be.
#[derive(Debug, Default)]
struct Kinds {
    frames: u32,
    plain: u32,
    pieces: u32,
    wrapped: u32,
    quoting: u32,
    nobodys: u32,
}

impl Kinds {
    fn check(&mut self, threads: &Threads, frame: &Frame<'_>) {
        let packet = decode(frame);
        let whose = threads.whose(&packet);
        self.frames += 1;
        self.pieces += u32::from(packet.fragment.is_piece());
        self.wrapped += u32::from(packet.tunnel.depth > 0);
        self.quoting += u32::from(matches!(whose, Whose::Quoting(..)));
        self.nobodys += u32::from(whose == Whose::Nobody);
        let Some(thread) = threads.at_first_sight(frame) else { return };
        self.plain += 1;
        assert!(!packet.fragment.is_piece(), "a piece is everybody's: {:02x?}", frame.bytes);
        if Ends::of(&packet).is_some() {
            assert_eq!(whose, Whose::One(thread), "{:02x?}", frame.bytes);
        }
    }
}

/// Bytes that make other things of plain frames: where in an IPv4 header, and what.
const TURNS: [(usize, u8); 8] = [(0, 0x46), (6, 0x20), (7, 1), (9, 1), (9, 4), (9, 17), (9, 41), (9, 47)];

#[test]
fn first_sight_and_decoder_agree_on_every_capture_and_what_is_like_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let options = OpenOptions { allow_unknown_link: true, ..OpenOptions::default() };
    let threads = Threads::new(64);
    let (mut whole, mut like, mut random) = (Kinds::default(), Kinds::default(), 1_u64);
    let mut below = |bound: usize| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (random >> 33) as usize % bound.max(1)
    };
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
            whole.check(&threads, &frame);
            for nth in 0..30 {
                let mut bytes = frame.bytes.to_vec();
                // A third: a byte of the headers is any. A third: one of IPv4 behind Ethernet is one that matters. A third: cut short.
                let (at, value) = match nth % 3 {
                    0 => (below(bytes.len().min(64)), below(256) as u8),
                    1 => {
                        let (at, value) = TURNS[below(TURNS.len())];
                        (14 + at, value)
                    }
                    _ => {
                        bytes.truncate(below(bytes.len().min(96)));
                        (below(bytes.len()), below(256) as u8)
                    }
                };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
                like.check(&threads, &Frame { bytes: &bytes, ..frame });
            }
        }
    }
    for (kinds, least) in [(&whole, 10), (&like, 200)] {
        let Kinds { frames, plain, pieces, wrapped, quoting, nobodys } = *kinds;
        assert!(frames > 1000 && plain > frames / 5, "{kinds:?}");
        assert!([pieces, wrapped, quoting, nobodys].iter().all(|&count| count > least), "{kinds:?}");
    }
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
