//! The internet checksum (RFC 1071).

/// The complement of the ones' complement sum of these bytes: 0 where the checksum among them is right.
/// Every slice but the last has to have an even length.
pub(super) fn internet(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        let mut words = part.chunks_exact(4);
        for word in &mut words {
            sum += u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        }
        let rest = words.remainder();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        sum += u64::from(u32::from_be_bytes(last));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// [`internet`] of one slice.
pub(super) fn of(bytes: &[u8]) -> u16 {
    internet(&[bytes])
}

/// The checksum that would have been right, from the one that was there and what [`internet`] gave.
pub(super) fn expected(seen: u16, sum: u16) -> u16 {
    // The ones' complement sum of the two (RFC 1624).
    let mut right = u32::from(seen) + u32::from(sum);
    while right >> 16 != 0 {
        right = (right & 0xffff) + (right >> 16);
    }
    right as u16
}
