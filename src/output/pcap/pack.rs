//! Compression with zstd on the way to a file. Each frame of zstd ends with a whole packet and can be read without what follows,
//! so a file that is cut between two frames is a good one.

use std::fmt;
use std::io;
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

/// Bytes of a capture in one frame at most.
const FRAME: usize = 8 << 20;
/// Room that is made for the encoder's output at a time.
const STEP: usize = 128 << 10;

/// An encoder, and what came out of it.
pub(super) struct Pack {
    encoder: Encoder<'static>,
    /// To be written.
    pub(super) out: Vec<u8>,
    /// Bytes of the capture in the frame at hand.
    taken: usize,
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pack").field("out", &self.out.len()).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Pack {
    pub(super) fn new() -> io::Result<Self> {
        let mut encoder = Encoder::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
        encoder.set_parameter(zstd::stream::raw::CParameter::ChecksumFlag(true))?;
        Ok(Self { encoder, out: Vec::new(), taken: 0 })
    }

    /// Is there nothing in the frame at hand?
    pub(super) const fn is_clean(&self) -> bool {
        self.taken == 0
    }

    /// Takes bytes in. True: the frame is long enough and should be ended.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.step(|encoder, out| encoder.run(&mut input, out))?;
        }
        self.taken += bytes.len();
        Ok(self.taken >= FRAME)
    }

    /// Ends the frame at hand.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if !self.is_clean() {
            while self.step(|encoder, out| encoder.finish(out, true))? > 0 {}
            self.encoder.reinit()?;
            self.taken = 0;
        }
        Ok(())
    }

    fn step(
        &mut self,
        work: impl FnOnce(&mut Encoder<'static>, &mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.out.reserve(STEP);
        let at = self.out.len();
        work(&mut self.encoder, &mut OutBuffer::around_pos(&mut self.out, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_can_be_read_alone_and_all_of_them_together() {
        let mut pack = Pack::new().unwrap();
        let mut sent = Vec::new();
        let mut ends = Vec::new();
        for round in 0..5_u32 {
            let bytes: Vec<u8> = (0..=300_000_u32 * round).map(|i| (i / 7 * 31 + round) as u8).collect();
            pack.take(&bytes).unwrap();
            sent.extend_from_slice(&bytes);
            pack.end().unwrap();
            pack.end().unwrap();
            ends.push((pack.out.len(), sent.len()));
        }
        for (packed, plain) in ends {
            assert_eq!(zstd::decode_all(&pack.out[..packed]).unwrap(), sent[..plain]);
        }
    }
}
