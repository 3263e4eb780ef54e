//! The two byte streams of a connection, put together from its segments and told in order.
//!
//! What belongs to a stream is not decided here: only segments count that the connection takes, at the place on its lines
//! where it finds them. `direction` holds one stream, `waiting` what lies above a hole, `recent` and `compare` tell copies that
//! say the same from those that do not. Nothing is copied of bytes that come in order, but what is kept to be compared.

mod compare;
mod direction;
mod recent;
mod waiting;

use self::direction::{Outlet, Piece, Stream};
use self::waiting::Budget;
use super::aspects::Sighting;
use super::endpoint::Endpoint;
use super::seq::Seq;
use crate::decode::TcpFlags;
use crate::flow::key::End;
use crate::flow::room::Room;
use crate::flow::stream::{StreamLimits, StreamPacket, StreamPart};

/// Takes what is told: whose stream, whether its start was missed, and what.
pub(in crate::flow) type Tell<'a> = dyn FnMut(End, bool, StreamPart<'_>) + 'a;

/// Where a stream lies on the line of the end that sends it.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// The number that the connection counts from: while it is the same, so is the line.
    origin: Seq,
    /// Place of the stream's offset 0: before the line's start where the numbering began anew after something was told.
    base: i64,
}

/// Both streams.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Streams {
    streams: [Stream; 2],
    lines: [Option<Line>; 2],
}

impl Streams {
    /// Takes a segment that `ends` have taken already.
    pub(super) fn on_segment(
        &mut self,
        seen: &Sighting<'_, '_>,
        ends: &[Endpoint; 2],
        limits: &StreamLimits,
        room: &mut Room,
        tell: &mut Tell<'_>,
    ) {
        for end in [seen.from.other(), seen.from] {
            self.follow(end, &ends[end.index()], limits, room, tell);
        }
        let segment = seen.segment;
        if segment.len == 0 || segment.has(TcpFlags::RST) {
            return;
        }
        let me = &ends[seen.from.index()];
        let stream = &mut self.streams[seen.from.index()];
        let place = me.find(segment.seq).zip(self.lines[seen.from.index()]).filter(|_| seen.accepted);
        let Some((at, line)) = place else {
            stream.totals.refused += u64::from(segment.len);
            return;
        };
        // RFC 9293 section 3.4: the SYN comes before any data of its segment.
        let start = at as i64 - line.base + i64::from(segment.has(TcpFlags::SYN));
        if is_keep_alive(start, segment.len, stream) {
            return;
        }
        let end = end_of_data(me).map_or(i64::MAX, |end| end as i64 - line.base);
        let (piece, refused) = piece_of(seen, start, end);
        stream.totals.refused += refused;
        if let Some(piece) = piece {
            let midway = is_midway(me, line);
            self.with(seen.from, limits, room, |stream, budget| {
                let tell = &mut |part: StreamPart<'_>| tell(seen.from, midway, part);
                stream.on_data(piece, &mut Outlet { budget, compared: limits.compared, tell });
            });
        }
    }

    /// Takes over what the connection knows of an end's numbering and of how far the other one has what it sent.
    fn follow(&mut self, end: End, known: &Endpoint, limits: &StreamLimits, room: &mut Room, tell: &mut Tell<'_>) {
        let Some(origin) = known.origin() else { return };
        let i = end.index();
        let line = match self.lines[i] {
            Some(line) if line.origin == origin => line,
            _ => {
                self.with(end, limits, room, |stream, mut budget| stream.restart(&mut budget));
                *self.lines[i].insert(Line { origin, base: known.first_byte() as i64 - self.streams[i].next() as i64 })
            }
        };
        // The FIN has a number of its own (RFC 9293 section 3.4).
        let acked = end_of_data(known).unwrap_or(known.acked) as i64 - line.base;
        if acked > 0 && acked as u64 > self.streams[i].acked() {
            let midway = is_midway(known, line);
            self.with(end, limits, room, |stream, budget| {
                let tell = &mut |part: StreamPart<'_>| tell(end, midway, part);
                stream.on_ack(acked as u64, &mut Outlet { budget, compared: limits.compared, tell });
            });
        }
    }

    /// The flow has been silent, and there is no room: copies of what was told are compared no more. What waits above a hole
    /// stays.
    pub(super) fn rest(&mut self, room: &mut Room) {
        for stream in &mut self.streams {
            stream.rest(room);
        }
    }

    /// Has this end sent a FIN, and was all before it told?
    pub(super) fn has_ended(&self, end: End, known: &Endpoint) -> bool {
        let i = end.index();
        let fin = known.fin().zip(self.lines[i]).map(|(fin, line)| fin as i64 - line.base);
        fin.is_some_and(|fin| fin <= self.streams[i].next() as i64)
    }

    /// Nobody wants to know more of them: all memory is given back.
    pub(in crate::flow) fn release(&mut self, room: &mut Room) {
        for stream in &mut self.streams {
            stream.release(room);
        }
    }

    /// The flow is over: what waits is told, and all memory given back.
    pub(super) fn finish(&mut self, ends: &[Endpoint; 2], limits: &StreamLimits, room: &mut Room, tell: &mut Tell<'_>) {
        for end in [End::Low, End::High] {
            let known = &ends[end.index()];
            let midway = self.lines[end.index()].is_none_or(|line| is_midway(known, line));
            self.with(end, limits, room, |stream, budget| {
                let tell = &mut |part: StreamPart<'_>| tell(end, midway, part);
                stream.finish(known.has_fin(), &mut Outlet { budget, compared: limits.compared, tell });
            });
        }
    }

    /// A stream, with what memory is left to it.
    fn with(&mut self, end: End, limits: &StreamLimits, room: &mut Room, work: impl FnOnce(&mut Stream, Budget<'_>)) {
        let waiting: usize = self.streams.iter().map(Stream::waiting).sum();
        let left = limits.waiting.saturating_sub(waiting);
        work(&mut self.streams[end.index()], Budget { left, room });
    }
}

/// The segment's data as a part of the stream, which ends at `end`; and how many bytes of it are none.
fn piece_of<'f>(seen: &Sighting<'_, 'f>, start: i64, end: i64) -> (Option<Piece<'f>>, u64) {
    let len = i64::from(seen.segment.len);
    let wire_end = (start + len).min(end);
    let from = start.max(0);
    if wire_end <= from {
        return (None, len as u64);
    }
    let captured = seen.packet.payload();
    let data = captured.get((from - start) as usize..).unwrap_or_default();
    let data = &data[..data.len().min((wire_end - from) as usize)];
    let packet = StreamPacket { source: seen.source, number: seen.number, ts: seen.ts };
    (Some(Piece { start: from as u64, data, wire_end: wire_end as u64, packet }), (len - (wire_end - from)) as u64)
}

/// RFC 9293 section 3.8.4: a probe of an idle connection may hold one byte before what is next, and any value will do.
fn is_keep_alive(start: i64, len: u32, stream: &Stream) -> bool {
    let next = stream.next();
    len == 1 && start + 1 == next as i64 && stream.acked() >= next
}

/// Where the data of an end stops, on its line: at a FIN that was acknowledged. An acknowledgment beyond the FIN says that the
/// stream went on.
fn end_of_data(known: &Endpoint) -> Option<u64> {
    known.fin().filter(|fin| known.acked == fin + 1)
}

/// Is the stream's offset 0 something else than the byte after the SYN?
fn is_midway(known: &Endpoint, line: Line) -> bool {
    known.isn().is_none() || line.base as u32 != 1
}

#[cfg(test)]
mod tests;
