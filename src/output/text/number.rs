//! Numbers in decimal and hexadecimal. Eight digits are worked out at once, in the eight bytes of a register, without a loop
//! and without a branch that depends on how many there are.

use super::push;

const EIGHT_DIGITS: u64 = 100_000_000;
/// `0` in each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Appends a number in decimal with at least `width` digits, zeros in front. `width` is at least 1.
#[inline]
pub(super) fn decimal(line: &mut Vec<u8>, n: u64, width: usize) {
    if n < EIGHT_DIGITS && width <= 8 {
        let digits = eight_digits(n as u32);
        let skip = leading_zeros(digits).min(8 - width);
        push(line, (digits | ZEROS) >> (8 * skip), 8 - skip);
    } else {
        long_decimal(line, n, width);
    }
}

/// The same for any number and any width.
fn long_decimal(line: &mut Vec<u8>, n: u64, width: usize) {
    let (above, below) = (n / EIGHT_DIGITS, n % EIGHT_DIGITS);
    decimal(line, above, width.saturating_sub(8).max(1));
    push(line, eight_digits(below as u32) | ZEROS, 8);
}

/// Appends a number in hexadecimal with at least `width` digits, zeros in front. `width` is at least 1.
#[inline]
pub(super) fn hex(line: &mut Vec<u8>, n: u64, width: usize) {
    match u32::try_from(n) {
        Ok(n) if width <= 8 => {
            let skip = (n.leading_zeros() as usize / 4).min(8 - width);
            push(line, eight_hex_digits(n) >> (8 * skip), 8 - skip);
        }
        _ => long_hex(line, n, width),
    }
}

fn long_hex(line: &mut Vec<u8>, n: u64, width: usize) {
    hex(line, n >> 32, width.saturating_sub(8).max(1));
    push(line, eight_hex_digits(n as u32), 8);
}

/// Appends two digits for each byte.
pub(super) fn hex_bytes(line: &mut Vec<u8>, bytes: &[u8]) {
    let mut fours = bytes.chunks_exact(4);
    for four in &mut fours {
        push(line, eight_hex_digits(u32::from_be_bytes([four[0], four[1], four[2], four[3]])), 8);
    }
    for byte in fours.remainder() {
        line.extend_from_slice(&two_hex_digits(*byte));
    }
}

/// Two hexadecimal digits.
pub(super) const fn two_hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

/// The values of the eight decimal digits of a number below 100,000,000, the highest in the lowest byte. The number is cut in
/// two in the halves of a register, each half in its quarters, each quarter in its bytes; to divide by 100 and by 10 is to
/// multiply by 10486 / 2^20 and 103 / 2^10, exact for what stands there (below 10,000 and below 100).
pub(super) const fn eight_digits(n: u32) -> u64 {
    let halves = (n / 10_000) as u64 | ((n % 10_000) as u64) << 32;
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (quarters - 10 * tens) << 8
}

/// How many of these digits are zeros that stand in front; 8 where all are.
pub(super) const fn leading_zeros(digits: u64) -> usize {
    digits.trailing_zeros() as usize / 8
}

/// How many of these digits are zeros that stand behind; 8 where all are.
pub(super) const fn trailing_zeros(digits: u64) -> usize {
    digits.leading_zeros() as usize / 8
}

/// Values of digits as text.
pub(super) const fn shown(digits: u64) -> u64 {
    digits | ZEROS
}

/// The eight hexadecimal digits of a number as text, the highest in the lowest byte.
pub(super) const fn eight_hex_digits(n: u32) -> u64 {
    // Bytes to every other byte, and then their halves to bytes of their own.
    let spread = n.swap_bytes() as u64;
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let values = (spread >> 4 & 0x000f_000f_000f_000f) | (spread & 0x000f_000f_000f_000f) << 8;
    // A value above 9 carries into the next four bits when 6 is added: 1 where the digit is a letter.
    let letters = (values + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    values + ZEROS + letters * (b'a' - b'0' - 10) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = b"> ".to_vec();
        write(&mut line);
        String::from_utf8(line).unwrap().strip_prefix("> ").unwrap().to_owned()
    }

    /// Numbers of every length.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(n, bits)| n >> bits)
    }

    #[test]
    fn numbers_at_the_edges_of_every_length() {
        let mut n = 1_u64;
        while let Some(next) = n.checked_mul(10) {
            for n in [n - 1, n, n + 1, next - 1] {
                assert_eq!(written(|line| decimal(line, n, 1)), n.to_string());
            }
            n = next;
        }
        assert_eq!(written(|line| decimal(line, u64::MAX, 1)), u64::MAX.to_string());
        for n in [0, 9, 10, 15, 16, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            assert_eq!(written(|line| hex(line, n, 1)), format!("{n:x}"));
        }
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_standard_library(n in number(), width in 1..24_usize) {
            prop_assert_eq!(written(|line| decimal(line, n, width)), format!("{n:0width$}"));
        }

        #[test]
        fn hexadecimals_are_those_of_the_standard_library(n in number(), width in 1..24_usize) {
            prop_assert_eq!(written(|line| hex(line, n, width)), format!("{n:0width$x}"));
        }

        #[test]
        fn eight_digits_of_any_number(n in 0..100_000_000_u32) {
            prop_assert_eq!(shown(eight_digits(n)).to_le_bytes().to_vec(), format!("{n:08}").into_bytes());
        }

        #[test]
        fn bytes_have_two_digits_each(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let wanted = bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
            prop_assert_eq!(written(|line| hex_bytes(line, &bytes)), wanted);
        }
    }
}
