//! The frame around every pcapng block: type, total length, body, total length again.

use super::MAX_RECORD;
use super::error::{Fault, Part};
use super::reader::Step;
use crate::model::ByteOrder;

/// Section Header Block; reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Interface Description Block.
pub(super) const INTERFACE: u32 = 1;
/// Packet Block, obsolete since 2004.
pub(super) const OLD_PACKET: u32 = 2;
/// Simple Packet Block.
pub(super) const SIMPLE_PACKET: u32 = 3;
/// Name Resolution Block.
pub(super) const NAMES: u32 = 4;
/// Interface Statistics Block.
pub(super) const STATISTICS: u32 = 5;
/// Enhanced Packet Block.
pub(super) const ENHANCED_PACKET: u32 = 6;
/// Decryption Secrets Block.
pub(super) const SECRETS: u32 = 10;
/// Custom Block that its maker asks not to copy.
pub(super) const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// The byte-order magic, as the writer of a section sees it.
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Bytes around a body: type and length before, length after.
pub(super) const FRAMING: usize = 12;

/// The byte order in which these bytes are the byte-order magic.
pub(super) fn order_of_magic(bytes: &[u8]) -> Option<ByteOrder> {
    let bytes = bytes.try_into().ok()?;
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.u32(bytes) == BYTE_ORDER_MAGIC)
}

/// A whole block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) kind: u32,
    pub(super) order: ByteOrder,
    /// What stands between the lengths.
    pub(super) body: &'a [u8],
    /// Bytes of the block with its framing.
    pub(super) total: usize,
}

/// What stands at the front of some bytes.
pub(super) enum Framed<'a> {
    Whole(Block<'a>),
    /// More bytes are needed: always [`Step::Need`].
    More(Step),
}

/// Finds the block at the start of `bytes`. `order` is the section's; `number` is what a packet here would be.
pub(super) fn frame(bytes: &[u8], order: ByteOrder, number: u64) -> Result<Framed<'_>, Fault> {
    let Some(head) = bytes.first_chunk::<FRAMING>() else {
        return Ok(Framed::More(Step::Need { len: FRAMING, part: Part::BlockHeader, of: FRAMING }));
    };
    let word = |i: usize| [head[i], head[i + 1], head[i + 2], head[i + 3]];
    let kind = order.u32(word(0));
    let order = match kind {
        SECTION_HEADER => {
            order_of_magic(&word(8)).ok_or_else(|| Fault::new(8, "holds a section header with no byte-order magic in it"))?
        }
        _ => order,
    };
    let claimed = order.u32(word(4));
    let total = claimed as usize;
    if total < FRAMING || !total.is_multiple_of(4) {
        let why = if total < FRAMING { "less than its own framing" } else { "which is no multiple of 4" };
        return Err(Fault::new(4, format!("holds a block (type {kind}) of length {claimed}, {why}")));
    }
    if total > MAX_RECORD {
        return Err(Fault::new(4, format!("holds a block (type {kind}) of length {claimed}, where {MAX_RECORD} is the limit")));
    }
    let Some(whole) = bytes.get(..total) else {
        let part = match kind {
            SECTION_HEADER => Part::FileHeader,
            ENHANCED_PACKET | SIMPLE_PACKET | OLD_PACKET => Part::Packet(number),
            _ => Part::Block(kind),
        };
        return Ok(Framed::More(Step::Need { len: total, part, of: total }));
    };
    let (front, back) = whole.split_at(total - 4);
    let again = back.try_into().map_or(0, |b| order.u32(b));
    if again != claimed {
        let what = format!("holds a block (type {kind}) that gives its length as {claimed} before and {again} after its body");
        return Err(Fault::new(total - 4, what));
    }
    Ok(Framed::Whole(Block { kind, order, body: &front[8..], total }))
}
