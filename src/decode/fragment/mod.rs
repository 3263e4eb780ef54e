//! Joins the fragments of IP datagrams, within hard bounds: hostile traffic may be nothing but fragments that never end.
//!
//! Read `assembly` for one datagram's data and the overlap policy, `head` for the headers of the joined datagram. This file
//! keeps the datagrams: which there are, how much they may hold, and when they go. etherparse's `IpDefragBuf` does not
//! serve: a later fragment overwrites an earlier one in it without a word (RFC 5722 wants IPv6 datagrams with overlaps
//! dropped), each new fragment walks all earlier ones, and a few bytes at a high offset cost 64 KiB.

mod assembly;
mod head;
pub mod pieces;

use super::enclosing::{Enclosing, behind};
use super::packet::{LayerKind, Network, Packet, Tunnel};
use crate::model::{Clock, Frame, Span, Timestamp};
use assembly::{Added, Assembly};
use hashbrown::HashMap;
use head::Head;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

/// How much unfinished datagrams may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Most datagrams at a time; the oldest makes room.
    pub datagrams: usize,
    /// Most memory in bytes, bookkeeping included; the oldest datagrams make room. One joined datagram (64 KiB and its
    /// headers) comes on top.
    pub bytes: usize,
    /// Longest time from a datagram's first fragment seen to its last, by packet time.
    pub age: Span,
}

/// 4 MiB and 30 seconds, as Linux has it; RFC 791 suggests 15 seconds, RFC 8200 says 60.
impl Default for FragmentLimits {
    fn default() -> Self {
        Self { datagrams: 4096, bytes: 4 << 20, age: Span::from_secs(30) }
    }
}

/// What became of the fragments so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentStats {
    /// Fragments seen.
    pub fragments: u64,
    /// Datagrams joined.
    pub completed: u64,
    /// Datagrams given up because they grew too old.
    pub expired: u64,
    /// Datagrams given up to make room.
    pub evicted: u64,
    /// Fragments that overlap others with different bounds or bytes. Over IPv6 each dropped its datagram (RFC 5722).
    pub overlapping: u64,
    /// Fragments that were there already, byte for byte.
    pub duplicate: u64,
    /// Fragments that make no sense: no data, an end that contradicts another, data past 65,535 bytes or past
    /// their frame.
    pub malformed: u64,
    /// Fragments cut by the snap length: their datagrams cannot be joined.
    pub cut: u64,
    /// Datagrams that were unfinished when the run was over: [`FragmentPool::finish`].
    pub unfinished: u64,
}

/// What became of a packet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "joined datagrams are rare, and the rest is not written")]
pub enum Inserted<'p> {
    /// It is no fragment (or an atomic one, RFC 6946): take it as it is.
    Whole,
    /// Kept until the rest comes.
    Held,
    /// Not kept; [`FragmentPool::stats`] counts why.
    Dropped,
    /// It was the last that was missing.
    Joined(Joined<'p>),
}

/// A datagram joined from its fragments.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'p> {
    /// The datagram decoded, as if it had come whole: in front of its IP header lie the link layer and any tunnel of the
    /// fragment with offset 0; the IP header has the whole length, no fragment fields and a right checksum. If the data
    /// is a tunnel with fragments of an inner datagram, those are not joined in turn.
    pub packet: Packet<'p>,
    /// What is known of the layers below the joined datagram.
    below: Packet<'static>,
    /// How many fragments made it up, duplicates not counted.
    pub frames: u32,
    /// Sum of their frames' lengths on the wire, bytes.
    pub wire_bytes: u64,
    /// Sum of their IP lengths, headers included, bytes.
    pub ip_bytes: u64,
    /// Source index and number of the fragment that came first.
    pub first: (u16, u64),
    /// When that was.
    pub start: Timestamp,
}

impl<'p> Joined<'p> {
    /// If the joined datagram turned out to be a wrapping: it, and those inside it that are wrappings, too, as
    /// [`super::enclosing()`] gives them. What lies around the joined datagram itself belongs to its fragments: each has its own.
    #[must_use]
    pub fn enclosing(&self) -> Enclosing<'p> {
        Enclosing::behind(&self.below, &self.packet)
    }
}

/// Whose fragments belong together (RFC 791 section 2.3, RFC 8200 section 4.5), within everything that is around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: [u8; 16],
    target: [u8; 16],
    id: u32,
    v6: bool,
    /// 0 over IPv6, where only the first fragment knows it.
    protocol: u8,
    /// Hash of what is around the datagram: [`FragmentPool::around`].
    around: u64,
}

/// One fragment: its key, its place in the datagram and its data.
struct Piece<'f> {
    key: Key,
    offset: u16,
    more: bool,
    data: &'f [u8],
    /// Where the data lies in the frame.
    data_at: usize,
}

/// An unfinished datagram.
struct Datagram {
    /// Its place in the order of first fragments.
    age: u64,
    /// When its first fragment was seen, as it is stamped.
    start: Timestamp,
    /// The same by the pool's clock.
    since: Timestamp,
    first: (u16, u64),
    frames: u32,
    wire_bytes: u64,
    ip_bytes: u64,
    assembly: Assembly,
    head: Option<Head>,
}

/// The unfinished datagrams of a run.
pub struct FragmentPool {
    limits: FragmentLimits,
    datagrams: HashMap<Key, Datagram, foldhash::quality::RandomState>,
    /// Oldest first.
    order: BTreeMap<u64, Key>,
    next_age: u64,
    /// One frame stamped with a time far away must not keep all others from ageing.
    clock: Clock,
    used: usize,
    joined: Vec<u8>,
    stats: FragmentStats,
}

/// Memory of a datagram beside its data: the entry in the table (at its worst half full) and in the order.
const ENTRY: usize = 2 * (size_of::<Key>() + size_of::<Datagram>()) + 2 * (size_of::<Key>() + size_of::<u64>());

impl FragmentPool {
    /// Starts empty.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self {
            limits,
            datagrams: HashMap::with_hasher(foldhash::quality::RandomState::default()),
            order: BTreeMap::new(),
            next_age: 0,
            clock: Clock::default(),
            used: 0,
            joined: Vec::new(),
            stats: FragmentStats::default(),
        }
    }

    /// Counts so far.
    #[must_use]
    pub const fn stats(&self) -> FragmentStats {
        self.stats
    }

    /// Unfinished datagrams at this moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Is none unfinished?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Memory in use for unfinished datagrams, bytes: never more than [`FragmentLimits::bytes`].
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.used
    }

    /// Takes a decoded frame in. Give it every packet, for their times: those that are no fragments cost two comparisons.
    #[inline]
    pub fn insert(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Inserted<'_> {
        if !self.clock.goes_on(frame.ts) {
            self.clock.advance(frame.ts);
        }
        if packet.fragment.is_piece() { self.insert_piece(frame, packet) } else { Inserted::Whole }
    }

    /// A packet that is no piece, and is not given to [`Self::insert`], was there: its time counts.
    pub fn on_packet_time(&mut self, ts: Timestamp) {
        self.clock.advance(ts);
    }

    /// Is this time simply a little later than that of the packet before? Then those of packets between the two that rise as well need not
    /// be told.
    #[must_use]
    pub fn goes_on_to(&self, ts: Timestamp) -> bool {
        self.clock.would_go_on(ts).is_some()
    }

    /// Gives up what is too old at a time that is no packet's own: live time that passes without packets.
    pub fn expire(&mut self, ts: Timestamp) {
        self.clock.trust(ts);
        self.expire_now();
    }

    /// The run is over: what is unfinished stays so.
    pub fn finish(&mut self) {
        self.stats.unfinished += self.datagrams.values().filter(|d| !d.assembly.is_dropped()).count() as u64;
        self.datagrams.clear();
        self.order.clear();
        self.used = 0;
    }

    fn expire_now(&mut self) {
        let now = self.clock.now();
        while let Some((_, &key)) = self.order.first_key_value() {
            let Some(datagram) = self.datagrams.get(&key) else { return };
            if now - datagram.since <= self.limits.age {
                return;
            }
            // Dropped ones only stand there to catch the rest of their fragments: they were counted.
            self.stats.expired += u64::from(!datagram.assembly.is_dropped());
            self.remove(&key);
        }
    }

    fn insert_piece(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) -> Inserted<'_> {
        self.stats.fragments += 1;
        self.expire_now();
        let piece = match piece(packet, self.around(packet)) {
            Ok(piece) => piece,
            Err(Unfit::Cut) => {
                self.stats.cut += 1;
                return Inserted::Dropped;
            }
            Err(Unfit::Malformed) => {
                self.stats.malformed += 1;
                return Inserted::Dropped;
            }
        };
        let key = piece.key;
        if !self.make_room(&piece) {
            return Inserted::Dropped;
        }
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            self.order.insert(self.next_age, key);
            self.next_age += 1;
            self.used += ENTRY;
            Datagram::new(self.next_age - 1, frame, self.clock.now())
        });
        let before = datagram.memory();
        let added = datagram.add(frame, packet, &piece);
        self.used = self.used + datagram.memory() - before;
        match added {
            Added::Kept | Added::AlreadyDropped => {}
            Added::Overlapping => self.stats.overlapping += 1,
            Added::Duplicate => self.stats.duplicate += 1,
            Added::Malformed => self.stats.malformed += 1,
        }
        if datagram.assembly.is_complete() {
            return self.join(&key);
        }
        if matches!(added, Added::Kept) || (added == Added::Overlapping && !datagram.assembly.is_dropped()) {
            Inserted::Held
        } else {
            Inserted::Dropped
        }
    }

    /// What tells apart datagrams of the same addresses in different networks: VLANs at every depth, the addresses of every
    /// IP header outside, and the last tunnel's id. The seed of the table makes it a hash that cannot be aimed at.
    fn around(&self, packet: &Packet<'_>) -> u64 {
        let mut hasher = self.datagrams.hasher().build_hasher();
        let Tunnel { kind, depth, id, .. } = packet.tunnel;
        hasher.write_u64(u64::from(kind as u8) << 40 | u64::from(depth) << 32 | u64::from(id));
        for layer in packet.layers().take_while(|layer| layer.offset < packet.network_at) {
            let at = layer.offset as usize;
            let (from, to) = match layer.kind {
                // The tag's id without its priority, which may change on the way.
                LayerKind::Vlan => (at + 2, at + 4),
                LayerKind::Ipv4 => (at + 12, at + 20),
                LayerKind::Ipv6 => (at + 8, at + 40),
                _ => continue,
            };
            hasher.write_u8(layer.kind as u8);
            match *packet.bytes.get(from..to).unwrap_or_default() {
                [high, low] => hasher.write_u16(u16::from_be_bytes([high & 0x0f, low])),
                ref addresses => hasher.write(addresses),
            }
        }
        hasher.finish()
    }

    /// Gives up the oldest datagrams until the piece fits; `false` if it can never fit.
    fn make_room(&mut self, piece: &Piece<'_>) -> bool {
        loop {
            let known = self.datagrams.get(&piece.key);
            let is_new = known.is_none();
            let growth = match known {
                Some(datagram) => datagram.assembly.growth(piece.data.len()),
                None => ENTRY + Assembly::growth_of_first(piece.data.len()),
            } + if piece.offset == 0 { Head::memory_for(piece.data_at) } else { 0 };
            let too_many = is_new && self.datagrams.len() >= self.limits.datagrams;
            if !too_many && self.used.saturating_add(growth) <= self.limits.bytes {
                return true;
            }
            let Some((_, &oldest)) = self.order.first_key_value() else { return false };
            self.stats.evicted += u64::from(self.datagrams.get(&oldest).is_some_and(|d| !d.assembly.is_dropped()));
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.order.remove(&datagram.age);
        self.used -= ENTRY + datagram.memory();
        Some(datagram)
    }

    fn join(&mut self, key: &Key) -> Inserted<'_> {
        let Some(datagram) = self.remove(key) else { return Inserted::Dropped };
        self.joined.clear();
        let Some(head) = datagram.head.filter(|head| head.write(datagram.assembly.len(), &mut self.joined)) else {
            self.stats.malformed += 1;
            return Inserted::Dropped;
        };
        datagram.assembly.write(&mut self.joined);
        self.stats.completed += 1;
        Inserted::Joined(Joined {
            packet: behind(head.below(), &self.joined, u8::MAX),
            below: *head.below(),
            frames: datagram.frames,
            wire_bytes: datagram.wire_bytes,
            ip_bytes: datagram.ip_bytes,
            first: datagram.first,
            start: datagram.start,
        })
    }
}

impl Datagram {
    fn new(age: u64, frame: &Frame<'_>, since: Timestamp) -> Self {
        Self {
            age,
            start: frame.ts,
            since,
            first: (frame.source, frame.number),
            frames: 0,
            wire_bytes: 0,
            ip_bytes: 0,
            assembly: Assembly::default(),
            head: None,
        }
    }

    fn memory(&self) -> usize {
        self.assembly.memory() + self.head.as_ref().map_or(0, Head::memory)
    }

    fn add(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, piece: &Piece<'_>) -> Added {
        let added = self.assembly.add(piece.offset, piece.more, piece.data, piece.key.v6);
        if self.assembly.is_dropped() {
            self.head = None;
            return added;
        }
        if matches!(added, Added::Kept | Added::Overlapping) {
            self.frames += 1;
            self.wire_bytes += u64::from(frame.wire_len);
            self.ip_bytes += u64::from(packet.ip_len);
            if piece.offset == 0 && self.head.is_none() {
                self.head = Head::of(packet, piece.data_at);
            }
        }
        added
    }
}

/// Why a fragment cannot be kept.
enum Unfit {
    Cut,
    Malformed,
}

/// Finds a fragment's data: after the IPv4 header, or after the fragment header.
fn piece<'f>(packet: &Packet<'f>, around: u64) -> Result<Piece<'f>, Unfit> {
    let (source, target) = packet.addresses().ok_or(Unfit::Malformed)?;
    let v6 = packet.network == Network::Ipv6;
    let data_at = if v6 {
        packet.fragment_header().map(|layer| layer.offset as usize + 8)
    } else {
        packet.ipv4().map(|header| packet.network_at as usize + header.header_len())
    };
    let data_at = data_at.ok_or(Unfit::Cut)?;
    if packet.is_longer_than_the_wire() {
        return Err(Unfit::Malformed);
    }
    let end = (packet.network_at as usize).saturating_add(packet.ip_len as usize);
    let length = end.saturating_sub(data_at);
    let reach = usize::from(packet.fragment.offset) + length;
    // RFC 8200 section 4.5: all but the last are multiples of eight bytes long, and none reaches past 65,535.
    let uneven = packet.fragment.more && !length.is_multiple_of(8);
    if length == 0 || uneven || reach > usize::from(u16::MAX) {
        return Err(Unfit::Malformed);
    }
    if end > packet.captured_end as usize {
        return Err(Unfit::Cut);
    }
    let data = packet.bytes.get(data_at..end).ok_or(Unfit::Cut)?;
    let key = Key {
        source: crate::model::endpoint::ip_to_16(source),
        target: crate::model::endpoint::ip_to_16(target),
        id: packet.datagram_id().ok_or(Unfit::Cut)?,
        v6,
        protocol: if v6 { 0 } else { packet.protocol.0 },
        around,
    };
    Ok(Piece { key, offset: packet.fragment.offset, more: packet.fragment.more, data, data_at })
}

#[cfg(test)]
mod tests;
