//! Where the loss was: what was sent again, told apart by the side of the capture on which it was lost, what was only late or
//! copied, and what the capture itself missed. Sums over all TCP connections.

use crate::flow::{FlowRecord, LossRecord};
use crate::output::units;

/// Sums so far.
#[derive(Debug, Default)]
pub(super) struct Losses {
    sum: LossRecord,
    /// SYNs and SYN-ACKs beyond the first.
    syns: u64,
}

impl Losses {
    pub(super) fn note(&mut self, record: &FlowRecord) {
        let sides = [&record.orig, &record.resp].into_iter().filter_map(|side| side.loss.as_ref());
        let mut resent = 0_u64;
        for side in sides {
            resent = resent.saturating_add(side.resent_packets);
            add(&mut self.sum, side);
        }
        if resent > 0 {
            self.syns += record.handshake.as_ref().map_or(0, |h| u64::from(h.syn_retries) + u64::from(h.syn_ack_retries));
        }
    }

    /// A line for each thing that there is to say.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        [self.resent(), self.other(), self.uncaptured()].into_iter().flatten()
    }

    /// `35 segments resent: 23 lost before this point · 5 beyond it · 7 SYNs repeated`.
    fn resent(&self) -> Option<String> {
        let LossRecord { resent_packets: all, lost_before, lost_beyond, spurious_packets: needless, at_least, .. } = self.sum;
        if all == 0 {
            return None;
        }
        let rest = all.saturating_sub(lost_before).saturating_sub(lost_beyond).saturating_sub(needless);
        let syns = rest.min(self.syns);
        let parts: Vec<String> = [
            (lost_before, "lost before this point"),
            (lost_beyond, if lost_before > 0 { "beyond it" } else { "lost beyond this point" }),
            (needless, "needlessly"),
            (syns, if syns == 1 { "SYN repeated" } else { "SYNs repeated" }),
            (rest - syns, "lost on an unknown side"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", units::count(n)))
        .collect();
        let least = if at_least { "At least " } else { "" };
        Some(format!("{least}{} resent: {}", units::counted(all, "segment"), parts.join(" · ")))
    }

    /// `Also: 12 overtaken on the way · 3 that may be resent or late`: not lost, or not known to be.
    fn other(&self) -> Option<String> {
        let parts: Vec<String> = [
            (self.sum.reordered_packets, "overtaken on the way"),
            (self.sum.duplicate_packets, "copied by the network or the capture"),
            (self.sum.unsure_packets, "that may be resent or late"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", units::count(n)))
        .collect();
        (!parts.is_empty()).then(|| format!("Also: {}", parts.join(" · ")))
    }

    /// What was acknowledged and never seen here.
    fn uncaptured(&self) -> Option<String> {
        let bytes = self.sum.uncaptured_bytes;
        (bytes > 0).then(|| format!("The capture missed {} that arrived: not lost by the network", units::counted(bytes, "byte")))
    }
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
                "Also: 12 overtaken on the way · 4 copied by the network or the capture · \
                 3 that may be resent or late",
                "The capture missed 1,448 bytes that arrived: not lost by the network"
            ]
        );
    }
}
