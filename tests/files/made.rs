//! Capture files made byte by byte, in either byte order and of any resolution, independently of the crate's own writer;
//! and frames read back into values that can be compared.

use sockeye::capture::file::{FileSource, OpenOptions};
use sockeye::capture::{Next, PacketSource, SourceError};
use sockeye::model::{ByteOrder, Frame, FrameDirection, FrameMarks, LinkType};
use std::io::Cursor;

/// Numbers in one of the byte orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) ByteOrder);

impl Bytes {
    pub(crate) fn u16(self, n: u16) -> [u8; 2] {
        if self.0 == ByteOrder::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(crate) fn u32(self, n: u32) -> [u8; 4] {
        if self.0 == ByteOrder::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(crate) fn u64(self, n: u64) -> [u8; 8] {
        if self.0 == ByteOrder::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(crate) fn words_of(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| self.u32(*w)).collect()
    }

    /// A classic file header.
    pub(crate) fn pcap_header(self, magic: u32, version: (u16, u16), snaplen: u32, network: u32) -> Vec<u8> {
        let mut out = self.u32(magic).to_vec();
        out.extend(self.u16(version.0));
        out.extend(self.u16(version.1));
        out.extend(self.words_of(&[0, 0, snaplen, network]));
        out
    }

    /// A classic record; `extra` is what modified formats put after the header.
    pub(crate) fn pcap_record(self, words: [u32; 4], extra: &[u8], data: &[u8]) -> Vec<u8> {
        [&self.words_of(&words), extra, data].concat()
    }

    /// An option with its padding.
    pub(crate) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut out = self.u16(code).to_vec();
        out.extend(self.u16(value.len() as u16));
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    /// A block around a body, which is padded.
    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let total = self.u32(padded as u32 + 12);
        let mut out = self.u32(kind).to_vec();
        out.extend(total);
        out.extend_from_slice(body);
        out.resize(8 + padded, 0);
        out.extend(total);
        out
    }

    /// A section header.
    pub(crate) fn section(self, options: &[u8]) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend(self.u64(u64::MAX));
        body.extend_from_slice(options);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface.
    pub(crate) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let mut body = self.u16(link).to_vec();
        body.extend([0; 2]);
        body.extend(self.u32(snaplen));
        body.extend_from_slice(options);
        self.block(1, &body)
    }

    /// An enhanced packet block.
    pub(crate) fn packet(self, interface: u32, ticks: u64, wire_len: u32, data: &[u8], options: &[u8]) -> Vec<u8> {
        let head = [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, wire_len];
        let mut body = self.words_of(&head);
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(6, &body)
    }
}

pub(crate) const LITTLE: Bytes = Bytes(ByteOrder::Little);
pub(crate) const BIG: Bytes = Bytes(ByteOrder::Big);

/// A frame that outlives its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    pub(crate) interface: u32,
    pub(crate) nanos: i64,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) direction: Option<FrameDirection>,
    pub(crate) options: Vec<u8>,
    pub(crate) marks: FrameMarks,
}

impl Kept {
    pub(crate) fn of(frame: &Frame<'_>) -> Self {
        Self {
            number: frame.number,
            interface: frame.interface,
            nanos: frame.ts.nanos(),
            link: frame.link,
            wire_len: frame.wire_len,
            bytes: frame.bytes.to_vec(),
            direction: frame.direction,
            options: frame.options.map(|o| o.bytes.to_vec()).unwrap_or_default(),
            marks: frame.marks,
        }
    }
}

/// Any link type is accepted, and the buffer is small, so that it slides.
pub(crate) fn open(bytes: &[u8]) -> Result<FileSource, SourceError> {
    let options = OpenOptions { allow_unknown_link: true, buffer: 1024, ..OpenOptions::default() };
    FileSource::from_reader(Cursor::new(bytes.to_vec()), "made", &options)
}

/// All frames, and how the source ended. An error must be the last word.
pub(crate) fn drain(source: &mut FileSource) -> (Vec<Kept>, Option<SourceError>) {
    let mut frames = Vec::new();
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => frames.push(Kept::of(&frame)),
            Ok(Next::Changed(0) | Next::Idle) => {}
            Ok(Next::End) => return (frames, None),
            Ok(other) => panic!("a file does not say {other:?}"),
            Err(error) => {
                assert!(matches!(source.next(), Ok(Next::Changed(0) | Next::End)), "after an error comes nothing");
                return (frames, Some(error));
            }
        }
    }
}

/// All frames of a file that must be good.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Kept>, FileSource) {
    let mut source = open(bytes).expect("a good file");
    let (frames, error) = drain(&mut source);
    assert!(error.is_none(), "{error:?}");
    (frames, source)
}

/// A pcapng file with two sections of different byte order and every kind of block.
pub(crate) fn everything() -> Vec<u8> {
    let mut out = Vec::new();
    // Nanoseconds, and 2^-20 seconds.
    for (b, resolution) in [(LITTLE, 9_u8), (BIG, 0x94)] {
        let frame = b"some bytes of a frame";
        out.extend(b.section(&[b.option(1, b"a section"), b.option(3, b"an os"), b.option(0, b"")].concat()));
        out.extend(b.interface(1, 0, &[b.option(2, b"eth0"), b.option(9, &[resolution]), b.option(0, b"")].concat()));
        out.extend(b.interface(101, 16, &[b.option(14, &b.u64(1000)), b.option(6, &[2, 0, 0, 0, 0, 1])].concat()));
        let options = [b.option(1, b"a packet"), b.option(2, &b.u32(2)), b.option(4, &b.u64(3)), b.option(0, b"")].concat();
        out.extend(b.packet(0, 3 << 19, 60, frame, &options));
        out.extend(b.packet(1, 5_000_000, 21, frame, &[]));
        out.extend(b.block(3, &[&b.u32(40)[..], &[7; 40]].concat()));
        let old = [&b.u16(1)[..], &b.u16(5), &b.words_of(&[0, 7, 2, 2]), &[1, 2, 0, 0]].concat();
        out.extend(b.block(2, &old));
        let mut names = Vec::new();
        for (kind, value) in [(1, &b"\x0a\0\0\x01a.example\0b.example\0"[..]), (2, &[&[0xfd; 16][..], b"six\0"].concat())] {
            names.extend(b.option(kind, value));
        }
        names.extend(b.option(0, b""));
        out.extend(b.block(4, &names));
        out.extend(b.block(10, &[&b.words_of(&[0x544c_534b, 4])[..], b"abcd"].concat()));
        out.extend(b.block(0x0bad, &[&b.words_of(&[32473])[..], b"custom"].concat()));
        out.extend(b.block(0x7777_7777, b"unknown block"));
        let mut stats = b.words_of(&[0, 0, 9]);
        stats.extend([b.option(4, &b.u64(100)), b.option(5, &b.u64(1)), b.option(7, &b.u64(2)), b.option(0, b"")].concat());
        out.extend(b.block(5, &stats));
    }
    out
}
