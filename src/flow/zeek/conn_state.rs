//! The one word of `conn_state`, read off the two sides' states when the record is made.

use super::endpoint::{Endpoint, State};

/// Of a TCP connection; `history` as it stands.
pub(super) fn of_tcp(orig: &Endpoint, resp: &Endpoint, history: &[u8]) -> &'static str {
    use State::{Closed, Established, Inactive, Reset, SynSent};
    match (orig.state, resp.state) {
        (o, Reset) => {
            let no_bytes = orig.size(resp) == 0 && resp.size(orig) == 0;
            if o.is_knocking() || (o == Reset && no_bytes) {
                "REJ"
            } else if o.is_inactive() {
                "RSTRH"
            } else {
                "RSTR"
            }
        }
        (Reset, r) if !r.is_inactive() => "RSTO",
        (Reset, _) if was_given_up(history) => "RSTOS0",
        (Reset, _) => "OTH",
        (Closed, Closed) => "SF",
        (Closed, r) if r.is_inactive() => "SH",
        (Closed, _) => "S2",
        (o, Closed) if o.is_inactive() => "SHR",
        (_, Closed) => "S3",
        (SynSent, Inactive) => "S0",
        (Established, Established) => "S1",
        _ => "OTH",
    }
}

/// A SYN and then a RST from the originator, and no more from it than data, repeats and bad checksums: `^?S[^HAFGIQ]*R`.
fn was_given_up(history: &[u8]) -> bool {
    let letters = history.strip_prefix(b"^").unwrap_or(history);
    let Some(after) = letters.strip_prefix(b"S") else { return false };
    after.iter().take_while(|letter| !b"HAFGIQ".contains(letter)).any(|&letter| letter == b'R')
}

/// Of UDP: who sent something that was counted.
pub(super) const fn of_udp(spoke: [bool; 2]) -> &'static str {
    match spoke {
        [true, true] => "SF",
        [true, false] => "S0",
        [false, true] => "SHR",
        [false, false] => "OTH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_after_a_syn_is_an_attempt_given_up_unless_more_was_sent() {
        for (history, given_up) in [
            ("SR", true),
            ("^SR", true),
            ("SaR", true),
            ("SDTCWR", true),
            ("SaFR", false),
            ("SAR", false),
            ("R", false),
            ("S", false),
            ("", false),
        ] {
            assert_eq!(was_given_up(history.as_bytes()), given_up, "{history}");
        }
    }
}
