//! The labels and what else Wireshark says of a TCP packet, as values. The rules are in the files beside this one.

/// A packet's labels: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(pub u16);

macro_rules! labels {
    ($($bit:literal $name:ident $key:literal;)*) => {
        impl Labels {
            $(#[doc = concat!("`tcp.analysis.", $key, "`.")] pub const $name: Self = Self(1 << $bit);)*

            /// Every label with its name after `tcp.analysis.`.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $key)),*];
        }
    };
}

labels! {
    0 RETRANSMISSION "retransmission";
    1 FAST_RETRANSMISSION "fast_retransmission";
    2 SPURIOUS_RETRANSMISSION "spurious_retransmission";
    3 OUT_OF_ORDER "out_of_order";
    4 LOST_SEGMENT "lost_segment";
    5 ACK_LOST_SEGMENT "ack_lost_segment";
    6 DUPLICATE_ACK "duplicate_ack";
    7 ZERO_WINDOW "zero_window";
    8 ZERO_WINDOW_PROBE "zero_window_probe";
    9 ZERO_WINDOW_PROBE_ACK "zero_window_probe_ack";
    10 WINDOW_FULL "window_full";
    11 WINDOW_UPDATE "window_update";
    12 KEEP_ALIVE "keep_alive";
    13 KEEP_ALIVE_ACK "keep_alive_ack";
    14 REUSED_PORTS "reused_ports";
}

impl Labels {
    /// Is this label among them?
    #[must_use]
    pub const fn has(self, label: Self) -> bool {
        self.0 & label.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(bit, _)| self.has(*bit)).map(|&(_, name)| name)
    }
}

/// What Wireshark says of a TCP packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Its labels.
    pub labels: Labels,
    /// `tcp.analysis.initial_rtt`, once it is known.
    pub initial_rtt: Option<crate::model::Span>,
    /// `tcp.completeness` as tshark prints it with this packet, that is of the packets before it: SYN 1,
    /// SYN-ACK 2, ACK 4, data 8, FIN 16, RST 32.
    pub completeness: u8,
}
