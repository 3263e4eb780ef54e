//! What a segment's options say (RFC 9293 section 3.2), read once for all who ask. Of an option that comes twice the last
//! counts; nothing is read behind one that makes no sense.

use crate::decode::{SackBlocks, TcpOption, TcpOptions};

/// The options that conversations are told by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::flow) struct Options<'f> {
    /// Maximum segment size (RFC 9293 section 3.7.1).
    pub(in crate::flow) mss: Option<u16>,
    /// Window scale as sent, also above 14.
    pub(in crate::flow) scale: Option<u8>,
    /// SACK permitted (RFC 2018).
    pub(in crate::flow) sack_permitted: bool,
    /// Fast open, cookie or request for one (RFC 7413).
    pub(in crate::flow) fast_open: bool,
    /// `TSval` and `TSecr` (RFC 7323 section 3).
    pub(in crate::flow) times: Option<(u32, u32)>,
    /// SACK blocks, at least one.
    pub(in crate::flow) sack: Option<SackBlocks<'f>>,
}

impl<'f> Options<'f> {
    /// Reads the bytes behind the fixed part of the header.
    pub(in crate::flow) fn read(bytes: &'f [u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        // What nearly every segment with options carries (RFC 7323 appendix A).
        if let Some((&[1, 1, 8, 10], times)) = bytes.split_first_chunk()
            && let Ok(times) = times.try_into()
        {
            let both = u64::from_be_bytes(times);
            return Self { times: Some(((both >> 32) as u32, both as u32)), ..Self::default() };
        }
        Self::one_by_one(bytes)
    }

    /// To be kept. `None` with SACK blocks, which are a part of the packet.
    pub(super) const fn kept(&self) -> Option<Options<'static>> {
        let Self { mss, scale, sack_permitted, fast_open, times, sack } = *self;
        match sack {
            None => Some(Options { mss, scale, sack_permitted, fast_open, times, sack: None }),
            Some(_) => None,
        }
    }

    fn one_by_one(bytes: &'f [u8]) -> Self {
        let mut options = Self::default();
        for option in TcpOptions::new(bytes).map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => options.mss = Some(mss),
                TcpOption::WindowScale(scale) => options.scale = Some(scale),
                TcpOption::SackPermitted => options.sack_permitted = true,
                TcpOption::FastOpen { .. } => options.fast_open = true,
                TcpOption::Timestamps { value, echo } => options.times = Some((value, echo)),
                TcpOption::Sack(blocks) => options.sack = Some(blocks),
                _ => {}
            }
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_linux_syn_are_read() {
        let options = Options::read(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 10]);
        let known = Options { mss: Some(1460), scale: Some(10), sack_permitted: true, ..Options::default() };
        assert_eq!(options, Options { times: Some((9, 0)), ..known });
    }

    #[test]
    fn broken_options_end_the_reading() {
        for broken in [&[2u8][..], &[2, 0], &[2, 1, 9], &[8, 10, 0]] {
            assert_eq!(Options::read(broken), Options::default());
        }
        assert_eq!(Options::read(&[3, 3, 200, 5, 255]), Options { scale: Some(200), ..Options::default() });
    }

    #[test]
    fn both_ways_of_reading_timestamps_agree() {
        let usual = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];
        assert_eq!(Options::read(&usual).times, Some((7, 9)));
        assert_eq!(Options::one_by_one(&usual), Options::read(&usual));
    }

    #[test]
    fn sack_blocks_are_read_in_order() {
        let bytes = [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9];
        let blocks: Vec<_> = Options::read(&bytes).sack.iter().flat_map(SackBlocks::iter).collect();
        assert_eq!(blocks, [(1, 2), (5, 9)]);
    }
}
