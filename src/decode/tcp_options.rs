//! TCP's options, each as a value.
//!
//! Read by hand: etherparse's `TcpOptionsIterator` ends with an error at every kind it does not list (fast open, multipath,
//! MD5, …). The two are held to each other by a property test.

use std::fmt;

/// One TCP option. Numbers are those of IANA's "TCP Option Kind Numbers".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// 0: end of the list.
    End,
    /// 1: padding.
    Nop,
    /// 2: maximum segment size (RFC 9293).
    Mss(u16),
    /// 3: window scale, as sent; RFC 7323 caps its use at 14.
    WindowScale(u8),
    /// 4: selective acknowledgment permitted (RFC 2018).
    SackPermitted,
    /// 5: selective acknowledgment.
    Sack(SackBlocks<'a>),
    /// 8: timestamps (RFC 7323).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The peer's, echoed.
        echo: u32,
    },
    /// 19: MD5 signature (RFC 2385).
    Md5(&'a [u8; 16]),
    /// 28: user timeout (RFC 5482).
    UserTimeout {
        /// The number, 15 bits.
        value: u16,
        /// Is it in minutes? Else in seconds.
        minutes: bool,
    },
    /// 29: TCP-AO (RFC 5925).
    Authentication {
        /// Key that made the code.
        key_id: u8,
        /// Key that the sender is ready to receive with.
        next_key_id: u8,
        /// The code.
        code: &'a [u8],
    },
    /// 30: multipath TCP (RFC 8684).
    Multipath {
        /// Upper four bits of the first byte.
        subtype: u8,
        /// All after the length, subtype included.
        data: &'a [u8],
    },
    /// 34, or 254 with the number 0xf989 in front: fast open (RFC 7413). An empty cookie asks for one.
    FastOpen {
        /// The cookie.
        cookie: &'a [u8],
        /// In its experimental form (kind 254)?
        experimental: bool,
    },
    /// Any other, well formed.
    Unknown {
        /// Its kind.
        kind: u8,
        /// All after the length.
        data: &'a [u8],
    },
}

/// The blocks of a selective acknowledgment, in the order sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [[u8; 8]]);

impl SackBlocks<'_> {
    /// Left and right edge of each: from the first sequence number to the one after the last.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.0.iter().map(|&block| pair(block))
    }
}

/// Two numbers of four bytes.
fn pair(bytes: [u8; 8]) -> (u32, u32) {
    let both = u64::from_be_bytes(bytes);
    ((both >> 32) as u32, both as u32)
}

/// Why the options could not be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptionError {
    /// Where the option starts, from the first option's start.
    pub offset: usize,
    /// Its kind.
    pub kind: u8,
    /// Its length field, where there is one.
    pub length: Option<u8>,
    /// Bytes of options there were from its start.
    pub had: usize,
}

impl fmt::Display for TcpOptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, kind, length, had } = self;
        match length {
            Some(length) if usize::from(*length) > *had => {
                write!(f, "TCP option {kind} at byte {offset} of the options: length {length}, but {had} bytes left")
            }
            Some(length) => write!(f, "TCP option {kind} at byte {offset} of the options: length {length} is wrong"),
            None => write!(f, "TCP option {kind} at byte {offset} of the options: no room for its length"),
        }
    }
}

impl std::error::Error for TcpOptionError {}

/// The options of a header in order.
#[derive(Clone, Debug)]
pub struct TcpOptions<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> TcpOptions<'a> {
    /// Reads the bytes after the 20 fixed ones.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn ends(&mut self) {
        self.at = self.bytes.len();
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, TcpOptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let rest = self.bytes.get(offset..)?;
        let (&kind, after) = rest.split_first()?;
        // RFC 9293 section 3.2: these two have no length.
        if kind == 0 {
            self.ends();
            return Some(Ok(TcpOption::End));
        }
        if kind == 1 {
            self.at += 1;
            return Some(Ok(TcpOption::Nop));
        }
        let length = after.first().copied();
        let data = length.and_then(|n| rest.get(2..usize::from(n)));
        let Some(option) = data.and_then(|data| option(kind, data)) else {
            self.ends();
            return Some(Err(TcpOptionError { offset, kind, length, had: rest.len() }));
        };
        self.at += usize::from(length.unwrap_or_default());
        Some(Ok(option))
    }
}

/// The option of a kind with this data; nothing if the data's length is not the kind's.
fn option(kind: u8, data: &[u8]) -> Option<TcpOption<'_>> {
    Some(match (kind, data) {
        (2, &[a, b]) => TcpOption::Mss(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, blocks) => match blocks.as_chunks() {
            (blocks @ [_, ..], []) => TcpOption::Sack(SackBlocks(blocks)),
            _ => return None,
        },
        (8, data) => {
            let (value, echo) = pair(data.try_into().ok()?);
            TcpOption::Timestamps { value, echo }
        }
        (19, data) => TcpOption::Md5(data.try_into().ok()?),
        (28, &[a, b]) => TcpOption::UserTimeout { value: u16::from_be_bytes([a & 0x7f, b]), minutes: a & 0x80 != 0 },
        (29, &[key_id, next_key_id, ref code @ ..]) => TcpOption::Authentication { key_id, next_key_id, code },
        (30, data @ &[first, ..]) => TcpOption::Multipath { subtype: first >> 4, data },
        (34, cookie) => TcpOption::FastOpen { cookie, experimental: false },
        (254, [0xf9, 0x89, cookie @ ..]) => TcpOption::FastOpen { cookie, experimental: true },
        (2..=4 | 28..=30, _) => return None,
        (kind, data) => TcpOption::Unknown { kind, data },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{TcpOptionElement, TcpOptionReadError, TcpOptionsIterator};
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Result<TcpOption<'_>, TcpOptionError>> {
        TcpOptions::new(bytes).collect()
    }

    #[test]
    fn every_kind_by_name() {
        let md5 = [7; 16];
        let cases: Vec<(Vec<u8>, TcpOption<'_>)> = vec![
            (vec![2, 4, 5, 0xb4], TcpOption::Mss(1460)),
            (vec![3, 3, 7], TcpOption::WindowScale(7)),
            (vec![4, 2], TcpOption::SackPermitted),
            (vec![8, 10, 0, 0, 0, 1, 0, 0, 0, 2], TcpOption::Timestamps { value: 1, echo: 2 }),
            ([&[19, 18][..], &md5].concat(), TcpOption::Md5(&md5)),
            (vec![28, 4, 0x80, 5], TcpOption::UserTimeout { value: 5, minutes: true }),
            (vec![29, 6, 1, 2, 3, 4], TcpOption::Authentication { key_id: 1, next_key_id: 2, code: &[3, 4] }),
            (vec![30, 4, 0x21, 9], TcpOption::Multipath { subtype: 2, data: &[0x21, 9] }),
            (vec![34, 2], TcpOption::FastOpen { cookie: &[], experimental: false }),
            (vec![34, 4, 1, 2], TcpOption::FastOpen { cookie: &[1, 2], experimental: false }),
            (vec![254, 6, 0xf9, 0x89, 1, 2], TcpOption::FastOpen { cookie: &[1, 2], experimental: true }),
            (vec![254, 4, 0, 1], TcpOption::Unknown { kind: 254, data: &[0, 1] }),
            (vec![6, 6, 1, 2, 3, 4], TcpOption::Unknown { kind: 6, data: &[1, 2, 3, 4] }),
        ];
        for (bytes, expected) in cases {
            let padded = [&bytes[..], &[1, 0, 99]].concat();
            assert_eq!(read(&padded), [Ok(expected), Ok(TcpOption::Nop), Ok(TcpOption::End)]);
        }
    }

    #[test]
    fn sack_blocks_come_in_the_order_sent() {
        let bytes = [5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        let Some(Ok(TcpOption::Sack(blocks))) = TcpOptions::new(&bytes).next() else { panic!() };
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [(1, 2), (3, 4)]);
    }

    #[test]
    fn a_wrong_length_is_an_error_and_the_end() {
        for bytes in
            [&[2u8, 5, 1, 2, 3, 1, 1][..], &[3, 2, 1], &[5, 2], &[5, 9, 0, 0, 0, 0, 0, 0, 0], &[30, 2], &[99, 1], &[99, 0, 1]]
        {
            let found = read(bytes);
            assert_eq!(found.len(), 1, "{bytes:?}");
            let error = found[0].unwrap_err();
            assert_eq!((error.offset, error.kind, error.length), (0, bytes[0], Some(bytes[1])));
        }
        assert_eq!(read(&[1, 2])[1].unwrap_err(), TcpOptionError { offset: 1, kind: 2, length: None, had: 1 });
        assert_eq!(
            read(&[1, 2, 4, 5])[1].unwrap_err().to_string(),
            "TCP option 2 at byte 1 of the options: length 4, but 3 bytes left"
        );
    }

    /// What etherparse makes of the same bytes, up to the first kind that it does not know.
    fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
        let mut ours = TcpOptions::new(bytes);
        for theirs in TcpOptionsIterator::from_slice(bytes) {
            let our = ours.next();
            match theirs {
                Ok(TcpOptionElement::Noop) => prop_assert_eq!(our, Some(Ok(TcpOption::Nop))),
                Ok(TcpOptionElement::MaximumSegmentSize(n)) => prop_assert_eq!(our, Some(Ok(TcpOption::Mss(n)))),
                Ok(TcpOptionElement::WindowScale(n)) => prop_assert_eq!(our, Some(Ok(TcpOption::WindowScale(n)))),
                Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => {
                    prop_assert_eq!(our, Some(Ok(TcpOption::SackPermitted)));
                }
                Ok(TcpOptionElement::Timestamp(value, echo)) => {
                    prop_assert_eq!(our, Some(Ok(TcpOption::Timestamps { value, echo })));
                }
                Ok(TcpOptionElement::SelectiveAcknowledgement(first, more)) => {
                    let Some(Ok(TcpOption::Sack(blocks))) = our else { panic!("{our:?}") };
                    let expected: Vec<_> = std::iter::once(first).chain(more.into_iter().flatten()).collect();
                    prop_assert_eq!(blocks.iter().collect::<Vec<_>>(), expected);
                }
                Err(TcpOptionReadError::UnknownId(_)) => return Ok(()),
                // Five blocks and more cannot be in 40 bytes of options; etherparse refuses their length.
                Err(_) if matches!(our, Some(Ok(TcpOption::Sack(b))) if b.iter().len() > 4) => return Ok(()),
                Err(_) => {
                    prop_assert!(matches!(our, Some(Err(_))), "{our:?}");
                    return Ok(());
                }
            }
        }
        prop_assert!(matches!(ours.next(), None | Some(Ok(TcpOption::End))));
        Ok(())
    }

    proptest! {
        #[test]
        fn etherparse_reads_the_same_options(
            options in prop::collection::vec(
                prop_oneof![
                    Just(vec![1u8]),
                    Just(vec![4, 2]),
                    any::<[u8; 2]>().prop_map(|v| [&[2, 4][..], &v].concat()),
                    any::<u8>().prop_map(|v| vec![3, 3, v]),
                    any::<[u8; 8]>().prop_map(|v| [&[8, 10][..], &v].concat()),
                    prop::collection::vec(any::<[u8; 8]>(), 1..5).prop_map(|v| [&[5, 2 + 8 * v.len() as u8][..], &v.concat()].concat()),
                    prop::collection::vec(0u8..12, 0..6),
                ], 0..8),
        ) {
            agrees(&options.concat())?;
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let found = read(&bytes);
            prop_assert!(found.len() <= bytes.len());
            prop_assert!(found.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
