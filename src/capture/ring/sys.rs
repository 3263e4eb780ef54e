//! The memory that the kernel and we share, and the options that make it. Every `unsafe` of the ring is here.
//!
//! Sources: packet(7), `Documentation/networking/packet_mmap.rst` of Linux. A block belongs to the kernel until it sets
//! `TP_STATUS_USER` in the block's status word, then to us until we write `TP_STATUS_KERNEL` there: that word is the lock.
#![expect(unsafe_code, reason = "shared memory; each use with its SAFETY note")]

use super::block;
use crate::capture::live::sys::{get_option, set_option};
use crate::filter::insn::Insn;
use libc::{c_int, c_void};
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a block's status word stands.
const STATUS: usize = offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, block_status);

// The layout that `block` reads is the one of the libc crate.
const _: () = {
    const HEADER: usize = offset_of!(libc::tpacket_block_desc, hdr);
    assert!(block::COUNT == HEADER + offset_of!(libc::tpacket_hdr_v1, num_pkts));
    assert!(block::FIRST == HEADER + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt));
    assert!(block::LENGTH == HEADER + offset_of!(libc::tpacket_hdr_v1, blk_len));
    assert!(block::FRAME_HEADER == size_of::<libc::tpacket3_hdr>());
    assert!(block::ADDRESS == size_of::<libc::sockaddr_ll>());
    assert!(offset_of!(libc::tpacket3_hdr, tp_next_offset) == 0 && offset_of!(libc::tpacket3_hdr, tp_sec) == 4);
    assert!(offset_of!(libc::tpacket3_hdr, tp_nsec) == 8 && offset_of!(libc::tpacket3_hdr, tp_snaplen) == 12);
    assert!(offset_of!(libc::tpacket3_hdr, tp_len) == 16 && offset_of!(libc::tpacket3_hdr, tp_status) == 20);
    assert!(offset_of!(libc::tpacket3_hdr, tp_mac) == 24 && offset_of!(libc::tpacket3_hdr, tp_net) == 26);
    assert!(offset_of!(libc::tpacket3_hdr, hv1) + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci) == 32);
    assert!(offset_of!(libc::tpacket3_hdr, hv1) + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tpid) == 36);
    assert!(offset_of!(libc::sockaddr_ll, sll_protocol) == 2 && offset_of!(libc::sockaddr_ll, sll_ifindex) == 4);
    assert!(offset_of!(libc::sockaddr_ll, sll_hatype) == 8 && offset_of!(libc::sockaddr_ll, sll_pkttype) == 10);
    assert!(offset_of!(libc::sockaddr_ll, sll_halen) == 11 && offset_of!(libc::sockaddr_ll, sll_addr) == 12);
    assert!(STATUS == 8);
};

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes of a block, a power of two of at least a page.
    pub(super) block: u32,
    /// Blocks.
    pub(super) blocks: u32,
}

impl Layout {
    /// Bytes of all blocks; as many as can be addressed, and so more than can be mapped, where they are more.
    pub(super) const fn bytes(self) -> usize {
        (self.block as usize).saturating_mul(self.blocks as usize)
    }
}

/// Bytes of a page of memory.
pub(super) fn page() -> usize {
    // SAFETY: sysconf(3) takes a number and returns one.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

/// Asks for frames in blocks (`TPACKET_V3`), with `room` free bytes in front of each. To be asked before [`make_ring`].
pub(super) fn prepare(fd: BorrowedFd<'_>, room: u32) -> io::Result<()> {
    set_option::<c_int>(fd, libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
    set_option::<u32>(fd, libc::SOL_PACKET, libc::PACKET_RESERVE, &room)
}

/// Gives the socket its ring. A block that is not full becomes ours after `retire_ms` at the earliest, twice that at the latest.
pub(super) fn make_ring(fd: BorrowedFd<'_>, layout: Layout, retire_ms: u32) -> io::Result<()> {
    let request = libc::tpacket_req3 {
        tp_block_size: layout.block,
        tp_block_nr: layout.blocks,
        // Frames are as long as they are; the kernel only wants these to agree with the blocks.
        tp_frame_size: layout.block,
        tp_frame_nr: layout.blocks,
        tp_retire_blk_tov: retire_ms,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set_option(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
}

/// Founds a fan-out group with this bound socket as its first member: frames of the interface go to one member each, all of them
/// to the first until [`share_out`]. Gives what the others join by.
pub(super) fn found_group(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let kind = libc::PACKET_FANOUT_CBPF << 16;
    // The kernel finds a number that no other group has (Linux 4.12).
    let unique = libc::PACKET_FANOUT_FLAG_UNIQUEID << 16;
    set_option::<u32>(fd, libc::SOL_PACKET, libc::PACKET_FANOUT, &(kind | unique))?;
    let given = get_option::<u32>(fd, libc::SOL_PACKET, libc::PACKET_FANOUT)?;
    Ok(kind | given & 0xffff)
}

/// Makes a bound socket the next member of the group that [`found_group`] gave.
pub(super) fn join_group(fd: BorrowedFd<'_>, group: u32) -> io::Result<()> {
    set_option::<u32>(fd, libc::SOL_PACKET, libc::PACKET_FANOUT, &group)
}

/// Frames go from now on to the member whose number the program gives, the remainder by the number of members.
pub(super) fn share_out(fd: BorrowedFd<'_>, program: &[Insn]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    const { assert!(size_of::<Insn>() == size_of::<libc::sock_filter>()) };
    // `Insn` has the layout of `sock_filter`; the kernel only reads through the pointer.
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>() };
    set_option(fd, libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, &program)
}

/// A block that the kernel handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Frames were dropped since the counters were last read (`TP_STATUS_LOSING`).
    pub(super) losing: bool,
}

/// The ring's memory. Of its blocks at most one, the one at `at`, is ours at a time.
pub(super) struct Map {
    start: NonNull<u8>,
    layout: Layout,
    at: u32,
    ours: bool,
}

// SAFETY: the memory is reached through this value alone, whatever thread has it; nothing of it is bound to a thread.
unsafe impl Send for Map {}

impl Map {
    /// Maps the ring that [`make_ring`] gave this socket.
    pub(super) fn new(fd: BorrowedFd<'_>, layout: Layout) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a mapping at an address of the kernel's choice touches no memory that is in use.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), layout.bytes(), protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: exactly the memory just mapped. A process forked later gets none of it, and does not keep the socket alive by it.
        if unsafe { libc::madvise(start, layout.bytes(), libc::MADV_DONTFORK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { start, layout, at: 0, ours: false })
    }

    /// The address of the block at hand.
    #[inline]
    fn block(&self) -> NonNull<u8> {
        // SAFETY: `at` is below the number of blocks, so the offset lies within the mapping, which is no longer than
        // what mmap(2) can map (isize::MAX).
        unsafe { self.start.add(self.at as usize * self.layout.block as usize) }
    }

    #[expect(clippy::cast_ptr_alignment, reason = "blocks start at pages, and the word at a multiple of 4")]
    fn status(&self) -> &AtomicU32 {
        // SAFETY: the word lies inside the block, aligned (the mapping is to pages, the block a power of two of at least a page),
        // lives as long as the mapping, and is only used atomically: here so, by the kernel with single stores and loads.
        unsafe { AtomicU32::from_ptr(self.block().add(STATUS).as_ptr().cast::<u32>()) }
    }

    /// Is the block at hand ours, or does it become so now?
    pub(super) fn take(&mut self) -> Option<Taken> {
        // Acquire: what the kernel wrote into the block before it set the status is seen after.
        let status = self.status().load(Ordering::Acquire);
        self.ours = status & libc::TP_STATUS_USER != 0;
        self.ours.then_some(Taken { losing: status & libc::TP_STATUS_LOSING != 0 })
    }

    /// The block at hand, empty where it is not ours.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        let length = if self.ours { self.layout.block as usize } else { 0 };
        // SAFETY: while `ours` is set the kernel does not write to the block (it reads the status word at most); the
        // slice lies in the mapping, and its borrow of `self` ends before the block is given back or the memory unmapped.
        unsafe { slice::from_raw_parts(self.block().as_ptr(), length) }
    }

    /// As [`Self::bytes`], to be changed.
    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        let length = if self.ours { self.layout.block as usize } else { 0 };
        // SAFETY: as in `bytes`; and `self` is borrowed exclusively, so nobody else of us looks at the block.
        unsafe { slice::from_raw_parts_mut(self.block().as_ptr(), length) }
    }

    /// Gives the block at hand back to the kernel and goes on to the next one.
    pub(super) fn give_back(&mut self) {
        if self.ours {
            self.ours = false;
            // Release: our reads and writes of the block are done before the kernel sees that it is free.
            self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.at = (self.at + 1) % self.layout.blocks;
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length and is used by nobody after this.
        unsafe { libc::munmap(self.start.as_ptr().cast::<c_void>(), self.layout.bytes()) };
    }
}
