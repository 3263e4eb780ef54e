//! Names of Zeek's `weird.log` that a conversation may earn, each kept once.
//!
//! They are notes, not verdicts: Zeek gives them to traffic that its state machine did not expect.

macro_rules! weirds {
    ($($variant:ident => $name:literal,)*) => {
        /// A name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Weird {
            $($variant,)*
        }

        const NAMES: &[&str] = &[$($name),*];
    };
}

weirds! {
    SynSeqJump => "SYN_seq_jump",
    ActiveConnectionReuse => "active_connection_reuse",
    PrematureConnectionReuse => "premature_connection_reuse",
    SynAfterClose => "SYN_after_close",
    SynAfterReset => "SYN_after_reset",
    SynAfterPartial => "SYN_after_partial",
    SynInsideConnection => "SYN_inside_connection",
    SynWithData => "SYN_with_data",
    BaroqueSyn => "baroque_SYN",
    TcpChristmas => "TCP_christmas",
    BadSynAck => "bad_SYN_ack",
    UnsolicitedSynResponse => "unsolicited_SYN_response",
    OriginatorSynAck => "connection_originator_SYN_ack",
    RepeatedSynWithAck => "repeated_SYN_with_ack",
    RepeatedSynReplyWoAck => "repeated_SYN_reply_wo_ack",
    SimultaneousOpen => "simultaneous_open",
    PossibleSplitRouting => "possible_split_routing",
    DataBeforeEstablished => "data_before_established",
    DataAfterReset => "data_after_reset",
    FinAfterReset => "FIN_after_reset",
    FinAdvancedLastSeq => "FIN_advanced_last_seq",
    InappropriateFin => "inappropriate_FIN",
    SpontaneousFin => "spontaneous_FIN",
    SpontaneousRst => "spontaneous_RST",
    FinStorm => "FIN_storm",
    RstStorm => "RST_storm",
    WindowRecision => "window_recision",
    ScaleRange => "TCP_scale_range",
    SeqUnderflow => "TCP_seq_underflow_or_misorder",
    AckUnderflow => "TCP_ack_underflow_or_misorder",
    AboveHole => "above_hole_data_without_any_acks",
    ExcessiveData => "excessive_data_without_further_acks",
    BadTcpChecksum => "bad_TCP_checksum",
    BadUdpChecksum => "bad_UDP_checksum",
    BadIcmpChecksum => "bad_ICMP_checksum",
    BadTcpHeaderLen => "bad_TCP_header_len",
}

/// The names seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weirds(u64);

impl Weirds {
    pub(super) const fn add(&mut self, weird: Weird) {
        self.0 |= 1 << weird as u8;
    }

    /// In the order of the list.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            NAMES.get(bit).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_bit_and_is_kept_once() {
        assert!(NAMES.len() <= 64);
        let mut weirds = Weirds::default();
        weirds.add(Weird::BadTcpHeaderLen);
        weirds.add(Weird::SynSeqJump);
        weirds.add(Weird::SynSeqJump);
        assert_eq!(weirds.names().collect::<Vec<_>>(), ["SYN_seq_jump", "bad_TCP_header_len"]);
    }
}
