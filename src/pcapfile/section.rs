//! Where a pcapng section starts and which interfaces it has. A file may hold several sections, each with a byte order and
//! an interface table of its own; the interfaces of all are counted through in one list for the rest of the program.

use super::block::Block;
use super::clock::Clock;
use super::error::Fault;
use super::options::{COMMENT, Options, number64, push, text};
use crate::model::{ByteOrder, Cursor, FileNotes, InterfaceInfo, LinkType};

/// Most interfaces in one file; more are taken for damage or malice.
pub(super) const MAX_INTERFACES: usize = 65_536;

/// The section being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub(super) order: ByteOrder,
    /// By the section's own interface ids.
    pub(super) interfaces: Vec<Interface>,
}

/// What reading a packet needs to know of its interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    pub(super) clock: Clock,
    /// 0 = unlimited.
    pub(super) snaplen: u32,
    /// Index in the file's list.
    pub(super) global: u32,
}

/// Bytes of text and data that may be kept of one file beside its packets.
#[derive(Clone, Debug)]
pub(super) struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Self {
        Self(64 << 20)
    }
}

impl Allowance {
    pub(super) const fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes so many bytes, and 64 for what holds them, if that many are left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes.saturating_add(64)) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// What of a block could not be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    /// There was too much to keep.
    pub(super) too_much: bool,
    /// An option or a record does not fit into the block, or has a wrong length.
    pub(super) malformed: bool,
    /// Something that has no place in the notes, and that a copy will lack.
    pub(super) unknown: bool,
}

/// Reads a Section Header Block: the byte order is known already, the section length is not relied on (it may be -1).
pub(super) fn read_header(block: &Block<'_>, notes: &mut FileNotes, allowance: &mut Allowance) -> Result<Lost, Fault> {
    let mut c = Cursor::with_order(block.body, block.order);
    let header = (|| {
        c.take(4)?;
        let version = (c.u16()?, c.u16()?);
        c.take(8)?;
        Some(version)
    })();
    match header {
        None => {
            return Err(Fault::new(4, format!("holds a section header of length {}, where 28 is the least", block.total)));
        }
        Some((1, _)) => {}
        Some((major, minor)) => {
            return Err(Fault::new(12, format!("holds a section of pcapng version {major}.{minor}, which is unknown")));
        }
    }
    let mut lost = Lost::default();
    let mut options = Options::new(c.rest(), block.order);
    for (code, value) in options.by_ref() {
        if !allowance.take(value.len()) {
            lost.too_much = true;
            continue;
        }
        match code {
            COMMENT => notes.comments.push(text(value)),
            2 => drop(notes.hardware.get_or_insert_with(|| text(value))),
            3 => drop(notes.os.get_or_insert_with(|| text(value))),
            4 => drop(notes.application.get_or_insert_with(|| text(value))),
            _ => lost.unknown = true,
        }
    }
    lost.malformed = options.is_malformed();
    Ok(lost)
}

/// An Interface Description Block as read.
pub(super) struct Described {
    pub(super) info: InterfaceInfo,
    pub(super) clock: Clock,
    pub(super) lost: Lost,
}

/// Reads an Interface Description Block.
pub(super) fn read_interface(block: &Block<'_>, allowance: &mut Allowance) -> Result<Described, Fault> {
    let mut c = Cursor::with_order(block.body, block.order);
    let header = (|| {
        let link = c.u16()?;
        c.take(2)?;
        Some((LinkType(link), c.u32()?))
    })();
    let Some((link, snaplen)) = header else {
        return Err(Fault::new(4, format!("holds an interface block of length {}, where 20 is the least", block.total)));
    };
    let mut info = InterfaceInfo { link: Some(link), snaplen: (snaplen != 0).then_some(snaplen), ..InterfaceInfo::default() };
    let (mut resolution, mut offset, mut lost) = (6, 0, Lost::default());
    let mut options = Options::new(c.rest(), block.order);
    for (code, value) in options.by_ref() {
        match (code, value) {
            (9, [r]) => resolution = *r,
            (14, [_, _, _, _, _, _, _, _]) => offset = number64(value, block.order).unwrap_or(0) as i64,
            (8, [_, _, _, _, _, _, _, _]) => info.speed = number64(value, block.order),
            (13, [len]) => info.fcs_len = Some(*len),
            // Of a wrong length. A copy has these four of its own, so they are never carried.
            (8 | 9 | 13 | 14, _) => lost.malformed = true,
            _ if !allowance.take(value.len()) => lost.too_much = true,
            (COMMENT, _) => info.comments.push(text(value)),
            (2, _) => info.name = Some(text(value)),
            (3, _) => info.description = Some(text(value)),
            (11, [0, filter @ ..]) => info.filter = Some(text(filter)),
            (12, _) => info.os = Some(text(value)),
            (15, _) => info.hardware = Some(text(value)),
            _ => keep_raw(&mut info.other.bytes, code, value, block.order),
        }
    }
    info.other.order = block.order;
    let clock = Clock::new(resolution, offset);
    info.ticks_per_second = clock.ticks_per_second();
    lost.malformed |= options.is_malformed();
    Ok(Described { info, clock, lost })
}

/// Appends an option in the byte order it came in.
fn keep_raw(out: &mut Vec<u8>, code: u16, value: &[u8], order: ByteOrder) {
    let start = out.len();
    push(out, code, value);
    if order == ByteOrder::Big {
        out[start..start + 2].reverse();
        out[start + 2..start + 4].reverse();
    }
}
