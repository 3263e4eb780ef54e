//! Is somebody else in the connection? What one side sends is compared with what it sent before; nothing here changes what the
//! connection is. `resets` has resets that their sender knows nothing of, `rewritten` data that is sent again with other bytes.

mod resets;
mod rewritten;

use self::resets::Resets;
use self::rewritten::Recent;
use super::Connection;
use super::aspects::{Aspects, Sighting};
use super::endpoint::Endpoint;
use super::{Over, TcpFlags};
use crate::flow::key::End;
use crate::flow::room::Room;
use crate::flow::tampered::Tampered;
use crate::flow::wants::Wants;

/// How far a connection is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::flow) enum Watch {
    /// Nobody asked, or there is nothing more to be found.
    #[default]
    Off,
    /// Nothing was worth keeping so far.
    Nothing,
    /// Some is kept, with its [`Aspects`].
    Kept,
    /// There was no room to keep it.
    WithoutRoom,
}

/// What is kept to tell whether somebody else is in a connection, by end.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Kept {
    recent: [Recent; 2],
    resets: [Option<Box<Resets>>; 2],
}

impl Watch {
    pub(super) const fn wanted(wants: Wants) -> Self {
        if wants.cited { Self::Nothing } else { Self::Off }
    }

    /// What is kept; made where there is nothing yet and there is room.
    fn kept<'a>(&mut self, aspects: &'a mut Aspects, room: &mut Room) -> Option<&'a mut Kept> {
        if *self == Self::Nothing {
            *self = if room.take(size_of::<Kept>()) { Self::Kept } else { Self::WithoutRoom };
        }
        (*self == Self::Kept).then(|| aspects.keep())
    }

    /// All was sent: nothing is compared with it any more, however long the flow is remembered.
    fn close(&mut self, aspects: &mut Aspects, room: &mut Room) {
        let Some(kept) = aspects.kept().filter(|_| *self == Self::Kept) else { return };
        kept.recent.iter_mut().for_each(|recent| recent.release(room));
        let nothing = kept.resets.iter().all(Option::is_none) && kept.recent.iter().all(Recent::has_nothing);
        if nothing {
            room.give_back(size_of::<Kept>());
            aspects.forget();
            *self = Self::Off;
        }
    }
}

impl Connection {
    /// The connection is over: what is kept to be compared is given back.
    pub(in crate::flow) fn stop_watching(&mut self, room: &mut Room) {
        let Some(kept) = self.aspects.as_mut().and_then(Aspects::kept).filter(|_| self.watched == Watch::Kept) else { return };
        kept.recent.iter_mut().for_each(|recent| recent.release(room));
        let resets = kept.resets.iter().flatten().count();
        room.give_back(size_of::<Kept>() + resets * size_of::<Resets>());
        self.watched = Watch::Nothing;
    }

    /// What somebody else did to it, and whether all was looked at.
    pub(in crate::flow) fn tampered(&mut self, originator: End) -> (Option<Tampered>, bool) {
        let kept = match self.watched {
            Watch::Kept => self.aspects.as_mut().and_then(Aspects::kept),
            Watch::WithoutRoom => return (None, false),
            Watch::Off | Watch::Nothing => None,
        };
        let Some(kept) = kept else { return (None, true) };
        let ends = [originator.index(), originator.other().index()];
        let found = Tampered {
            resets: ends.map(|end| kept.resets[end].as_deref().and_then(Resets::found)),
            rewritten: ends.map(|end| kept.recent[end].found()),
        };
        let whole = kept.recent.iter().all(|recent| !recent.went_without());
        let any = found.resets.iter().any(Option::is_some) || found.rewritten.iter().any(Option::is_some);
        (any.then_some(found), whole)
    }

    /// Looks whether a segment, which [`Self::on_segment`] has seen, contradicts what its sender sent before. What is kept takes from
    /// `room`.
    #[inline]
    pub(in crate::flow) fn watch(&mut self, seen: &Sighting<'_, '_>, room: &mut Room) {
        let Some(aspects) = &mut self.aspects else { return };
        let segment = seen.segment;
        let resets = segment.has(TcpFlags::RST);
        let watched = &mut self.watched;
        if *watched == Watch::Off || (*watched == Watch::Nothing && !resets && segment.len <= 1) {
            return;
        }
        if !segment.sound || segment.has(TcpFlags::SYN) || !self.open {
            return;
        }
        let at = seen.from.index();
        let (me, peer) = (&self.ends[at], &self.ends[seen.from.other().index()]);
        if resets {
            // What ends a connection that the other side had ended, or itself by a FIN, ends nothing.
            let ends =
                matches!(self.over, Over::No | Over::Reset(_)) && self.over != Over::Reset(seen.from.other()) && !me.has_fin();
            if let (true, Some(kept)) = (ends, watched.kept(aspects, room)) {
                on_reset(&mut kept.resets[at], seen, (me, peer), room);
            }
            if self.over != Over::No {
                watched.close(aspects, room);
            }
            return;
        }
        let Some(kept) = watched.kept(aspects, room) else { return };
        if let Some(resets) = &mut kept.resets[at] {
            resets.on_segment(seen);
        }
        let over = self.over != Over::No || (me.has_fin() && peer.has_fin());
        if over {
            watched.close(aspects, room);
        } else if seen.accepted && segment.len > 1 && !segment.has(TcpFlags::URG) {
            kept.recent[at].on_data(seen, me.acked_number(), room);
        }
    }
}

#[cold]
fn on_reset(resets: &mut Option<Box<Resets>>, seen: &Sighting<'_, '_>, (me, peer): (&Endpoint, &Endpoint), room: &mut Room) {
    let (Some(next), Some(other)) = (me.next_number(), peer.next_number()) else { return };
    if resets.is_none() && !room.take(size_of::<Resets>()) {
        return;
    }
    resets.get_or_insert_default().on_reset(seen, next, other);
}

/// Time to live, or hop limit, of the packet at hand.
fn ttl(seen: &Sighting<'_, '_>) -> u8 {
    crate::flow::tracker::ttl(seen.packet)
}
