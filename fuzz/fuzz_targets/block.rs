//! Any bytes as a block of the kernel's ring: the walk ends, and every frame it gives lies in the block.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::capture::ring::block::{Finish, Step, Walk};
use sockeye::decode::decode;
use sockeye::model::{Frame, LinkType};

const LINKS: [LinkType; 3] = [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW];

/// Numbers as the kernel would have written them, from a few bytes of input each, so that whole frames come about.
fn laid_out(mut rest: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 48];
    let mut count = 0_u32;
    while let [stored, gap, kind, hardware, after @ ..] = rest {
        let (bytes, later) = after.split_at(usize::from(*stored).min(after.len()));
        rest = later;
        let mac = 92 + usize::from(*gap & 0x3f);
        let next = (mac + bytes.len()).next_multiple_of(8);
        let mut frame = vec![0; next];
        let mut put = |at: usize, value: &[u8]| frame[at..at + value.len()].copy_from_slice(value);
        put(0, &(next as u32).to_ne_bytes());
        put(12, &(bytes.len() as u32).to_ne_bytes());
        put(16, &(bytes.len() as u32 + u32::from(gap >> 6)).to_ne_bytes());
        put(20, &u32::from(kind & 0xf8).to_ne_bytes());
        put(24, &(mac as u16).to_ne_bytes());
        put(26, &(mac as u16 + u16::from(*gap)).to_ne_bytes());
        put(32, &u32::from(*hardware).to_ne_bytes());
        put(36, &0x88a8_u16.to_ne_bytes());
        put(52, &u32::from(kind & 3).to_ne_bytes());
        put(56, &u16::from(*hardware).to_ne_bytes());
        put(58, &[kind & 7, *gap]);
        put(mac, bytes);
        block.extend(frame);
        count += 1;
    }
    let length = block.len() as u32;
    block[12..16].copy_from_slice(&count.to_ne_bytes());
    block[16..20].copy_from_slice(&48_u32.to_ne_bytes());
    block[20..24].copy_from_slice(&length.to_ne_bytes());
    block
}

fn walk(mut block: Vec<u8>, finish: &Finish) -> usize {
    let most = block.len() / 68;
    let Ok(mut walk) = Walk::start(&block) else { return 0 };
    let mut frames = 0;
    loop {
        match walk.step(&mut block, finish) {
            Ok(Step::Frame(slot)) => {
                let bytes = &block[slot.start..slot.start + slot.len];
                assert!(slot.len <= finish.snaplen);
                let frame = Frame {
                    number: frames as u64 + 1,
                    source: 0,
                    interface: 0,
                    ts: slot.ts,
                    link: finish.link,
                    wire_len: slot.wire_len,
                    bytes,
                    direction: slot.direction,
                    options: None,
                    marks: slot.marks,
                };
                std::hint::black_box(decode(&frame).captured_end);
            }
            Ok(Step::Twin) => assert!(finish.twins_of.is_some()),
            Ok(Step::End) | Err(_) => return frames,
        }
        frames += 1;
        assert!(frames <= most, "more frames than fit");
    }
}

// The first byte says how frames are finished; the rest is a block as it is, and what a block is made of.
fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let finish = Finish {
        link: LINKS[usize::from(how & 3) % LINKS.len()],
        snaplen: if how & 4 == 0 { 262_144 } else { usize::from(how >> 4) },
        twins_of: (how & 8 != 0).then_some(1),
    };
    walk(rest.to_vec(), &finish);
    let block = laid_out(rest);
    let sound = walk(block.clone(), &finish);
    assert_eq!(sound, u32::from_ne_bytes(block[12..16].try_into().expect("four")) as usize, "a sound block is read to its end");
});
