//! The bounds of a frame while it is decoded, and how decoding stops.
//!
//! Two ends matter, both offsets into the frame. `end` is where the innermost header with a length field says that its
//! contents end, and never lies past what encloses it or past the wire: a header can say what it likes, but data that was
//! never sent is not counted. [`Packet::captured_end`] is `end`, or the end of the captured bytes if that comes first:
//! nothing is read past it, so padding never passes for data.

use super::packet::{Issue, IssueKind, LayerKind, Packet};

/// No end lies past this, so that any offset (an end, and at most one header more) fits 32 bits. Frames are far smaller.
const MAX_OFFSET: usize = (u32::MAX - 0xffff) as usize;

/// A frame on its way through the decoder.
pub(super) struct Walk<'p, 'f> {
    /// What is known so far.
    pub(super) packet: &'p mut Packet<'f>,
    end: usize,
    /// Most tunnels to enter.
    tunnels: u8,
    /// Tunnels in first fragments are entered, too.
    through_pieces: bool,
}

impl<'p, 'f> Walk<'p, 'f> {
    /// Starts with a frame of which `wire_len` bytes were on the wire (never fewer than were captured).
    pub(super) fn new(packet: &'p mut Packet<'f>, wire_len: usize) -> Self {
        let captured = packet.bytes.len().min(MAX_OFFSET);
        packet.captured_end = captured as u32;
        let end = wire_len.min(MAX_OFFSET).max(captured);
        Self { packet, end, tunnels: u8::MAX, through_pieces: false }
    }

    /// No more than `most` tunnels are entered, one inside the other.
    pub(super) fn entering(mut self, most: u8) -> Self {
        self.tunnels = most;
        self
    }

    /// Tunnels in first fragments are entered, as far as they go.
    pub(super) fn through_pieces(mut self) -> Self {
        self.through_pieces = true;
        self
    }

    /// The captured bytes from `at` to the end of what encloses them.
    pub(super) fn bytes(&self, at: usize) -> &'f [u8] {
        self.packet.bytes.get(at..self.packet.captured_end as usize).unwrap_or_default()
    }

    /// The first `N` bytes at `at`, or nothing and an issue in `layer`.
    pub(super) fn take<const N: usize>(&mut self, layer: LayerKind, at: usize) -> Option<&'f [u8; N]> {
        let chunk = self.bytes(at).first_chunk();
        if chunk.is_none() {
            self.short(layer, at, N);
        }
        chunk
    }

    /// Where the contents end on the wire, captured or not.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// Do the contents end there by their own account? Those of a first fragment may go on in the next.
    pub(super) const fn ends_at(&self, end: usize) -> bool {
        end == self.end || self.packet.fragment.more && end > self.end
    }

    /// May another tunnel be entered? What a fragment carries is told when the datagram is joined.
    pub(super) const fn may_enter_tunnel(&self) -> bool {
        self.packet.tunnel.depth < self.tunnels && (self.through_pieces || !self.packet.fragment.is_piece())
    }

    /// Puts the end back when what was tried came to nothing; the other lies in the packet.
    pub(super) fn restore_end(&mut self, end: usize) {
        self.end = end;
    }

    /// A header says that its contents end at `end`: they do so there, or before, where what encloses it ends.
    pub(super) fn set_end(&mut self, end: usize) {
        self.end = self.end.min(end);
        self.packet.captured_end = self.packet.captured_end.min(self.end as u32);
    }

    /// A header in `layer`, which starts at `at`, says that it and its contents are `claimed` bytes long. Gives their length on
    /// the wire; if that is less, this is an issue, but no reason to stop.
    pub(super) fn set_length(&mut self, layer: LayerKind, at: usize, claimed: usize) -> u32 {
        let room = self.end.saturating_sub(at);
        if claimed > room {
            let needed = u32::try_from(claimed).unwrap_or(u32::MAX);
            self.packet.issue = Some(Issue { kind: IssueKind::TooLong, layer, offset: at as u32, needed, had: room as u32 });
        }
        let length = claimed.min(room);
        self.set_end(at + length);
        length as u32
    }

    /// Records a header that was read; `false` (and an issue) when no room is left.
    pub(super) fn push(&mut self, kind: LayerKind, at: usize) -> bool {
        let pushed = self.packet.push_layer(kind, at as u32);
        if !pushed {
            self.stop(IssueKind::TooDeep, kind, at, 0);
        }
        pushed
    }

    /// Stops in `layer`, which starts at `at`: `needed` as in [`Issue::needed`].
    #[cold]
    pub(super) fn stop(&mut self, kind: IssueKind, layer: LayerKind, at: usize, needed: u32) {
        let had = self.bytes(at).len() as u32;
        self.packet.issue = Some(Issue { kind, layer, offset: at as u32, needed, had });
        self.rest(at);
    }

    /// Stops in `layer`, of which `needed` bytes are not all there: cut by the capture or too short of its own.
    #[cold]
    pub(super) fn short(&mut self, layer: LayerKind, at: usize, needed: usize) {
        let fits_the_wire = at.saturating_add(needed) <= self.end;
        let kind = if fits_the_wire { IssueKind::CutByCapture } else { IssueKind::TooShort };
        self.stop(kind, layer, at, needed as u32);
    }

    /// Everything from `at` is data that the decoder does not look into.
    pub(super) fn payload(&mut self, at: usize) {
        self.rest(at);
        if self.packet.payload_len > 0 && at < self.packet.captured_end as usize {
            // Data is no header: where there is no room to list it, nothing was left undecoded.
            let _ = self.packet.push_layer(LayerKind::Payload, at as u32);
        }
    }

    /// What was not understood, or the data after a header that was not wholly there, starts at `at`.
    pub(super) fn rest(&mut self, at: usize) {
        self.packet.payload_at = at as u32;
        self.packet.payload_len = self.end.saturating_sub(at) as u32;
    }
}
