//! What the capture dropped before frames that selection or filter turn away: the next frame of their interface that is let
//! through says it, so that a copy (pcapng `epb_dropcount`) does not lose it.

use crate::model::{Frame, FrameMarks};

/// Most interfaces told apart. What the others dropped is said by frames of the last one.
const MOST: usize = 256;

/// Drops that no frame let through has named yet.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Source, interface and packets.
    interfaces: Vec<(u16, u32, u64)>,
}

impl Carried {
    /// A frame is turned away.
    pub(super) fn keep(&mut self, frame: &Frame<'_>) {
        let dropped = frame.marks.dropped_before;
        if dropped == 0 {
            return;
        }
        let full = self.interfaces.len() >= MOST;
        let known = self.interfaces.iter_mut().find(|(source, interface, _)| (*source, *interface) == of(frame));
        match known {
            Some((.., packets)) => *packets = packets.saturating_add(dropped),
            None if full => {
                if let Some((.., packets)) = self.interfaces.last_mut() {
                    *packets = packets.saturating_add(dropped);
                }
            }
            None => self.interfaces.push((frame.source, frame.interface, dropped)),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// A frame that is let through, with what it is to say of those before it.
    pub(super) fn joined<'a>(&mut self, frame: &Frame<'a>) -> Frame<'a> {
        let mine = self.interfaces.iter().position(|&(source, interface, _)| (source, interface) == of(frame));
        let more = mine.map_or(0, |at| self.interfaces.swap_remove(at).2);
        let dropped_before = frame.marks.dropped_before.saturating_add(more);
        Frame { marks: FrameMarks { dropped_before, ..frame.marks }, ..*frame }
    }
}

const fn of(frame: &Frame<'_>) -> (u16, u32) {
    (frame.source, frame.interface)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LinkType, Timestamp};

    fn frame(interface: u32, dropped_before: u64) -> Frame<'static> {
        Frame {
            number: 1,
            source: 0,
            interface,
            ts: Timestamp::default(),
            link: LinkType::RAW,
            wire_len: 0,
            bytes: &[],
            direction: None,
            options: None,
            marks: FrameMarks { dropped_before, ..FrameMarks::NONE },
        }
    }

    #[test]
    fn the_next_frame_of_the_interface_says_it() {
        let mut carried = Carried::default();
        carried.keep(&frame(0, 0));
        assert!(carried.is_empty());
        for dropped in [3, 0, 4] {
            carried.keep(&frame(1, dropped));
        }
        assert_eq!(carried.joined(&frame(0, 1)).marks.dropped_before, 1);
        assert_eq!(carried.joined(&frame(1, 2)).marks.dropped_before, 9);
        assert!(carried.is_empty());
    }

    #[test]
    fn none_vanish_where_interfaces_are_too_many() {
        let mut carried = Carried::default();
        let many = 2 * MOST as u32;
        (0..many).for_each(|interface| carried.keep(&frame(interface, 1)));
        assert_eq!(carried.interfaces.len(), MOST);
        let said: u64 = (0..many).map(|interface| carried.joined(&frame(interface, 0)).marks.dropped_before).sum();
        assert_eq!(said, u64::from(many));
    }
}
