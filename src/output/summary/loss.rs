//! Where the loss was: what was sent again, told apart by the side of the capture on which it was lost, what was only late or
//! copied, and what the capture itself missed. Sums over all TCP connections.

use super::is_piece;
use crate::flow::{FlowRecord, LossRecord, SideRecord};
use crate::output::units;

/// Sums so far.
#[derive(Debug, Default)]
pub(super) struct Losses {
    sum: LossRecord,
    /// SYNs beyond the first, as far as nothing else tells what became of them; and SYN-ACKs.
    syns: u64,
    syn_acks: u64,
    /// Some conversations were given out early, or are not known whole.
    forgetful: bool,
}

impl Losses {
    pub(super) fn note(&mut self, record: &FlowRecord) {
        self.forgetful |=
            is_piece(record) || [&record.orig, &record.resp].iter().any(|side| side.loss.is_some_and(|loss| loss.at_least));
        let sides = [&record.orig, &record.resp].into_iter().filter_map(|side| side.loss.as_ref());
        sides.for_each(|side| add(&mut self.sum, side));
        let Some(handshake) = &record.handshake else { return };
        let unplaced = |side: &SideRecord| side.loss.as_ref().map_or(0, unplaced);
        self.syns += unplaced(&record.orig).min(u64::from(handshake.syn_retries));
        self.syn_acks += unplaced(&record.resp).min(u64::from(handshake.syn_ack_retries));
    }

    /// A line for each thing that there is to say.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        [self.resent(), self.other(), self.uncaptured()].into_iter().flatten()
    }

    /// `35 segments resent: 23 lost before this point · 5 beyond it · 7 SYNs repeated`.
    fn resent(&self) -> Option<String> {
        let LossRecord { resent_packets: all, lost_before, lost_beyond, spurious_packets: needless, .. } = self.sum;
        if all == 0 {
            return None;
        }
        let unknown = unplaced(&self.sum).saturating_sub(self.syns).saturating_sub(self.syn_acks);
        if all == needless {
            return Some(format!("{}{} resent, needlessly", self.least(), units::counted(all, "segment")));
        }
        let parts: Vec<String> = [
            (lost_before, "lost before this point"),
            (lost_beyond, if lost_before > 0 { "beyond it" } else { "lost beyond this point" }),
            (needless, "needlessly"),
            (self.syns, if self.syns == 1 { "SYN repeated" } else { "SYNs repeated" }),
            (self.syn_acks, if self.syn_acks == 1 { "SYN-ACK repeated" } else { "SYN-ACKs repeated" }),
            (unknown, "lost on an unknown side"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", units::count(n)))
        .collect();
        Some(format!("{}{} resent: {}", self.least(), units::counted(all, "segment"), parts.join(" · ")))
    }

    fn least(&self) -> &'static str {
        if self.sum.at_least { "At least " } else { "" }
    }

    /// `Also: 12 reordered (overtaken on the way) · 3 unsure (resent or late)`: not lost, or not known to be.
    fn other(&self) -> Option<String> {
        let parts: Vec<String> = [
            (self.sum.reordered_packets, "reordered (overtaken on the way)"),
            (self.sum.duplicate_packets, "duplicate (copied by the network or the capture)"),
            (self.sum.unsure_packets, "unsure (resent or late)"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", units::count(n)))
        .collect();
        (!parts.is_empty()).then(|| format!("Also: {}", parts.join(" · ")))
    }

    /// What was acknowledged and never seen here. Where something had to be forgotten it may have been seen: then nothing is said.
    fn uncaptured(&self) -> Option<String> {
        let bytes = if self.forgetful { 0 } else { self.sum.uncaptured_bytes };
        (bytes > 0).then(|| format!("The capture missed {} that arrived: not lost by the network", units::counted(bytes, "byte")))
    }
}

/// Segments sent again of which nothing tells where they were lost, or whether.
fn unplaced(side: &LossRecord) -> u64 {
    side.resent_packets.saturating_sub(side.lost_before).saturating_sub(side.lost_beyond).saturating_sub(side.spurious_packets)
}

fn add(sum: &mut LossRecord, side: &LossRecord) {
    for (sum, n) in [
        (&mut sum.resent_packets, side.resent_packets),
        (&mut sum.spurious_packets, side.spurious_packets),
        (&mut sum.lost_before, side.lost_before),
        (&mut sum.lost_beyond, side.lost_beyond),
        (&mut sum.reordered_packets, side.reordered_packets),
        (&mut sum.duplicate_packets, side.duplicate_packets),
        (&mut sum.unsure_packets, side.unsure_packets),
        (&mut sum.uncaptured_bytes, side.uncaptured_bytes),
    ] {
        *sum = sum.saturating_add(n);
    }
    sum.at_least |= side.at_least;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowKind, State};
    use crate::output::fixture::flow;

    fn lines(sides: &[LossRecord], syns: u32) -> Vec<String> {
        let mut losses = Losses::default();
        for side in sides {
            let mut record = flow(FlowKind::Tcp, 1, State::Closed, "10.0.0.1:1", "10.0.0.2:2", 0, 0);
            record.orig.loss = Some(*side);
            record.handshake = Some(crate::output::fixture::established(1, 0.0, 1.0, 1.0));
            record.handshake.as_mut().unwrap().syn_retries = syns;
            losses.note(&record);
        }
        losses.lines().collect()
    }

    #[test]
    fn each_side_of_the_capture_has_its_loss() {
        let down = LossRecord { resent_packets: 23, lost_before: 23, ..LossRecord::default() };
        let up = LossRecord { resent_packets: 6, lost_beyond: 5, ..LossRecord::default() };
        assert_eq!(
            lines(&[down, up, LossRecord::default()], 1),
            ["29 segments resent: 23 lost before this point · 5 beyond it · 1 SYN repeated"]
        );
        let odd = LossRecord { resent_packets: 4, lost_beyond: 2, spurious_packets: 1, at_least: true, ..LossRecord::default() };
        assert_eq!(
            lines(&[odd], 0),
            ["At least 4 segments resent: 2 lost beyond this point · 1 needlessly · 1 lost on an unknown side"]
        );
        assert!(lines(&[LossRecord::default()], 3).is_empty());
        let needless = LossRecord { resent_packets: 2, spurious_packets: 2, ..LossRecord::default() };
        assert_eq!(lines(&[needless], 0), ["2 segments resent, needlessly"]);
    }

    #[test]
    fn repeated_syns_are_those_of_their_connection_and_no_syn_acks() {
        // The first has no segment whose fate is unknown, so that its SYNs explain none of the second.
        let known = LossRecord { resent_packets: 3, lost_beyond: 3, ..LossRecord::default() };
        let unknown = LossRecord { resent_packets: 2, ..LossRecord::default() };
        let mut losses = Losses::default();
        for (loss, retries, answers) in [(known, 3, 0), (unknown, 0, 1)] {
            let mut record = flow(FlowKind::Tcp, 1, State::Closed, "10.0.0.1:1", "10.0.0.2:2", 0, 0);
            record.handshake = Some(crate::output::fixture::established(1, 0.0, 1.0, 1.0));
            record.handshake.as_mut().unwrap().syn_retries = retries;
            record.handshake.as_mut().unwrap().syn_ack_retries = answers;
            let side = if answers > 0 { &mut record.resp } else { &mut record.orig };
            side.loss = Some(loss);
            losses.note(&record);
        }
        let told: Vec<String> = losses.lines().collect();
        assert_eq!(told, ["5 segments resent: 3 lost beyond this point · 1 SYN-ACK repeated · 1 lost on an unknown side"]);
    }

    #[test]
    fn what_was_not_lost_by_the_network_stands_apart() {
        let side = LossRecord {
            reordered_packets: 12,
            duplicate_packets: 4,
            unsure_packets: 3,
            uncaptured_bytes: 1448,
            ..LossRecord::default()
        };
        assert_eq!(
            lines(&[side], 0),
            [
                "Also: 12 reordered (overtaken on the way) · 4 duplicate (copied by the network or the capture) · \
                 3 unsure (resent or late)",
                "The capture missed 1,448 bytes that arrived: not lost by the network"
            ]
        );
    }
}
