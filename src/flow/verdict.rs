//! Our opinion of a segment that is not the next one expected: what it is, how sure that is, and why. Only the words; the
//! rules by which they are given are in `tcp/loss/`.

use crate::model::Span;

/// What a segment is that is not the next one expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerdictKind {
    /// Sent again by its sender.
    Resent,
    /// Sent again although the receiver had it already: a kind of [`Self::Resent`].
    Spurious,
    /// Overtaken on its way by segments that were sent after it.
    Reordered,
    /// The same packet once more: copied by the network or the capture.
    Duplicate,
    /// Asks whether the peer is still there.
    KeepAlive,
    /// Asks whether the peer's window is still shut.
    WindowProbe,
    /// The packets do not decide.
    Unsure,
}

impl VerdictKind {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Resent => "resent",
            Self::Spurious => "spurious",
            Self::Reordered => "reordered",
            Self::Duplicate => "duplicate",
            Self::KeepAlive => "keep_alive",
            Self::WindowProbe => "window_probe",
            Self::Unsure => "unsure",
        }
    }

    /// Was the segment sent more than once by its sender?
    #[must_use]
    pub const fn is_resent(self) -> bool {
        matches!(self, Self::Resent | Self::Spurious)
    }
}

/// How far a verdict can be relied on. [`VerdictKind::Unsure`] has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// The packets prove it.
    Sure,
    /// The packets speak for it.
    Likely,
}

impl Confidence {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Likely => "likely",
        }
    }
}

/// What a verdict rests on: a set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Evidence(pub u32);

macro_rules! evidence {
    ($($bit:literal $name:ident $key:literal $text:literal $doc:literal;)*) => {
        impl Evidence {
            $(#[doc = $doc] pub const $name: Self = Self(1 << $bit);)*

            /// Every reason with its word for records and its words for people.
            const ALL: &'static [(Self, &'static str, &'static str)] = &[$((Self::$name, $key, $text)),*];

            /// What each reason means, under its word for records.
            #[cfg(test)]
            pub(crate) const MEANINGS: &'static [(&'static str, &'static str, &'static str)] = &[$(($key, $text, $doc)),*];
        }
    };
}

evidence! {
    0 SEEN_BEFORE "seen_before" "seen before" "All of its bytes passed here before.";
    1 FILLS_HOLE "fills_hole" "fills a hole" "It fills a hole, or a part of one.";
    2 TS_NEWER "ts_newer" "timestamp newer" "Its timestamp (TSval, RFC 7323) is newer than that of the packet it is compared with.";
    3 TS_OLDER "ts_older" "timestamp older" "Its timestamp is older.";
    4 TS_EQUAL "ts_equal" "timestamp equal" "Its timestamp is the same, and a round trip takes longer than two of the clock's ticks.";
    5 ID_NEWER "id_newer" "IP id newer" "Its IP identification is newer, where the sender counts packets with it.";
    6 ID_OLDER "id_older" "IP id older" "Its IP identification is older.";
    7 ID_EQUAL "id_equal" "IP id equal" "Its IP identification is the same: one packet, seen twice.";
    8 ECHO "echo" "timestamp echo" "Its timestamp echo (TSecr) differs, and that only grows.";
    9 ACK_NUMBER "ack_number" "ACK number" "Its acknowledgment number differs, and that only grows.";
    10 FLOW_LABEL "flow_label" "new flow label" "Its IPv6 flow label first appeared after the packet it is compared with.";
    11 ECN "ecn" "ECN" "Its ECN field: with classic ECN (RFC 3168 section 6.1.5) only originals are ECT.";
    12 IDENTICAL "identical" "identical" "A segment with the same headers and checksum passed before.";
    13 AGE "age" "by its age" "The hole's age, or the time since the earlier copy, set against the round trip.";
    14 REQUESTED "requested" "asked for" "Duplicate ACKs or SACK blocks asked for these bytes.";
    15 ACKED "acked" "already acknowledged" "An acknowledgment of all of its bytes had passed here before.";
    16 DSACK "dsack" "DSACK" "The receiver reported (DSACK, RFC 2883) that it got these bytes twice.";
    17 AT_SENDER "at_sender" "captured at its sender" "The capture was made at the sender: whatever passes twice was sent twice.";
    18 MISSED "capture_missed" "the capture missed it" "These bytes were acknowledged before they were seen: the capture missed them, the network did not lose them.";
    19 SYN_AGAIN "syn_again" "same SYN" "A SYN or SYN-ACK with the same first number.";
    20 WINDOW_SHUT "window_shut" "window shut" "The receiver's window was shut.";
    21 BELOW_WINDOW "below_window" "one byte back" "It repeats the number before the next one and nothing else.";
    22 FORGOTTEN "forgotten" "too long ago" "What it would have to be compared with is no longer remembered, or was never captured.";
    23 SECOND_COPY "second_copy" "copied again" "Another copy of it followed.";
    24 STALL "stall" "after a pause" "Its sender had paused for a retransmission timeout.";
    25 DROPPED "capture_dropped" "the capture dropped packets" "The capture dropped packets when this hole was made: it may have missed the original, so that where that was lost, if at all, is not known.";
}

impl Evidence {
    /// No reason.
    pub const NONE: Self = Self(0);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Are all of these among them?
    #[must_use]
    pub const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    /// Words for records.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(bit, ..)| self.has(*bit)).map(|&(_, key, _)| key)
    }

    /// Words for people.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(bit, ..)| self.has(*bit)).map(|&(.., text)| text)
    }
}

/// What a segment that is not the next one expected is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub kind: VerdictKind,
    /// How sure that is; `None` of `Unsure`.
    pub confidence: Option<Confidence>,
    /// Why.
    pub evidence: Evidence,
    /// The packet it was compared with: the one that made the hole, or the earlier copy. Its source, and its number there.
    pub against: Option<(u16, u64)>,
    /// Age of the hole it fills, or time since the earlier copy.
    pub age: Option<Span>,
    /// Segments that were sent again: data over the maximum segment size, rounded up, for packets that offloading merged
    /// (RFC 9293 section 3.7.1); 1 otherwise, 0 of what was not resent.
    pub segments: u32,
    /// Nothing that can still come changes it. `false`: a settled one follows within two round trips.
    pub settled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_bit_of_its_own_with_words() {
        let mut all = 0;
        for (bit, key, text) in Evidence::ALL {
            assert!(bit.0.is_power_of_two() && all & bit.0 == 0 && !key.is_empty() && !text.is_empty(), "{key}");
            all |= bit.0;
        }
        let two = Evidence::TS_NEWER.and(Evidence::AGE);
        assert_eq!(two.keys().collect::<Vec<_>>(), ["ts_newer", "age"]);
    }
}
