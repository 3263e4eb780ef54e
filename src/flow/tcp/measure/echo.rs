//! Round trips by the timestamp option: from the first packet with a value to the first packet that brings it back.
//!
//! RFC 7323 (4.1) trusts an echo only of what was acknowledged anew: a pure ACK is not, and its value comes back whenever the
//! peer next has something to say. So a value counts only if the first packet that carries it occupies sequence numbers.
//! What stays in a sample is what the RFC says of it: a delayed ACK echoes the first segment it waited for (4.2), behind a
//! hole the last one before it is echoed (4.3), and segments sent in the same tick of the sender's clock are told apart by
//! nothing: the first of them counts. An echo of 0 says nothing (3.2: not valid without ACK, and some hosts fill it so).

use super::Short;
use super::samples::Samples;
use crate::decode::TcpFlags;
use crate::flow::record::RttRecord;
use crate::flow::room::Room;
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::seq::Seq;
use crate::model::Timestamp;

/// Most values waited for. A clock ticks every millisecond or slower (RFC 7323 section 5.4 allows no faster): a quarter of a
/// second of it. On a longer way, those that find the list full are no samples.
const MOST: usize = 256;

/// The timestamps that one side sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Echo {
    /// Values that have not come back, ascending, with the time of the first packet that carried each.
    waiting: Short<(Seq, Timestamp), 2>,
    /// The newest value sent, if there is one.
    newest: Seq,
    sends: bool,
    samples: Samples,
}

impl Echo {
    /// This side sends a value.
    #[inline]
    pub(super) fn sent(&mut self, value: u32, segment: &Segment<'_>, now: Timestamp, room: &mut Room) {
        let value = Seq(value);
        if self.sends && value.since(self.newest) <= 0 {
            return;
        }
        (self.sends, self.newest) = (true, value);
        let occupies = segment.len > 0 || segment.has(TcpFlags::SYN | TcpFlags::FIN);
        if occupies && self.waiting.make_way(MOST, room) {
            self.waiting.push((value, now));
        }
    }

    /// The peer echoes a value of this side.
    #[inline]
    pub(super) fn came_back(&mut self, echo: u32, now: Timestamp) {
        if echo == 0 || !self.sends || self.newest.since(Seq(echo)) < 0 {
            return;
        }
        // Older values will not come back any more: echoes only grow (RFC 7323 section 4.3).
        while let Some(&(value, sent)) = self.waiting.get(0).filter(|(value, _)| Seq(echo).since(*value) >= 0) {
            self.waiting.pop_front();
            let took = (now - sent).nanos();
            if value.0 == echo && took >= 0 {
                self.samples.add(took);
            }
        }
    }

    pub(super) fn record(&self) -> RttRecord {
        self.samples.record()
    }

    pub(super) fn rest(&mut self, room: &mut Room) {
        self.waiting.fit(room);
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.waiting.release(room);
    }
}
