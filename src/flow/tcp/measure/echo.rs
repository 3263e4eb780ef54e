//! Round trips by the timestamp option: from the first packet with a value to the first packet that brings it back.
//!
//! RFC 7323 (4.1) trusts an echo only of what was acknowledged anew: a pure ACK is not, and its value comes back whenever the
//! peer next has something to say. So a value counts only if the first packet that carries it occupies sequence numbers.
//! What stays in a sample is what the RFC says of it: a delayed ACK echoes the first segment it waited for (4.2), behind a
//! hole the last one before it is echoed (4.3), and segments sent in the same tick of the sender's clock are told apart by
//! nothing: the first of them counts. An echo of 0 says nothing (3.2: not valid without ACK, and some hosts fill it so).

use super::List;
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
    waiting: List<(Seq, Timestamp)>,
    /// The newest value sent.
    newest: Option<Seq>,
    samples: Samples,
}

impl Echo {
    /// This side sends a value.
    pub(super) fn sent(&mut self, value: u32, segment: &Segment<'_>, now: Timestamp, room: &mut Room) {
        let value = Seq(value);
        if self.newest.is_some_and(|newest| value.since(newest) <= 0) {
            return;
        }
        self.newest = Some(value);
        let occupies = segment.len > 0 || segment.has(TcpFlags::SYN | TcpFlags::FIN);
        if occupies && self.waiting.make_way(MOST, room) {
            self.waiting.push_back((value, now));
        }
    }

    /// The peer echoes a value of this side.
    pub(super) fn came_back(&mut self, echo: u32, now: Timestamp) {
        let known = self.newest.is_some_and(|newest| newest.since(Seq(echo)) >= 0);
        if echo == 0 || !known {
            return;
        }
        // Older values will not come back any more: echoes only grow (RFC 7323 section 4.3).
        while let Some(&(value, sent)) = self.waiting.front().filter(|(value, _)| Seq(echo).since(*value) >= 0) {
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
