//! Zeek's `uid`: a short name for a connection that no other has. Zeek draws it at random; here it follows from the flow, so that
//! it is the same in every run over the same capture.

use crate::flow::{Birth, Wrapping};
use crate::model::endpoint::ip_to_16;
use sha1::{Digest, Sha1};

/// A name: `C` and 17 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uid([u8; 18]);

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Uid {
    /// The name of the flow that began like this.
    pub(super) fn of(birth: &Birth) -> Self {
        let mut sha = Sha1::new();
        sha.update(birth.start.nanos().to_be_bytes());
        sha.update(birth.packet.0.to_be_bytes());
        sha.update(birth.packet.1.to_be_bytes());
        sha.update([birth.id.kind as u8]);
        sha.update(birth.id.number.to_be_bytes());
        Self::from_hash(sha.finalize().into())
    }

    /// The name of what is around a flow.
    pub(super) fn around(wrapping: &Wrapping) -> Self {
        match wrapping {
            Wrapping::Flow(birth) => Self::of(birth),
            Wrapping::Between(a, b) => {
                let mut sha = Sha1::new();
                sha.update(ip_to_16(*a));
                sha.update(ip_to_16(*b));
                Self::from_hash(sha.finalize().into())
            }
        }
    }

    /// The name as text.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn from_hash(hash: [u8; 20]) -> Self {
        let mut rest = hash.iter().take(16).fold(0u128, |sum, &byte| sum << 8 | u128::from(byte));
        let mut name = [b'C'; 18];
        for place in &mut name[1..] {
            *place = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        Self(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowId, FlowKind};
    use crate::model::Timestamp;

    #[test]
    fn names_differ_and_are_the_same_again() {
        let birth = |number, packet| Birth {
            id: FlowId { kind: FlowKind::Tcp, number },
            start: Timestamp::from_parts(1_700_000_000, 5),
            packet: (0, packet),
        };
        let uid = Uid::of(&birth(1, 1));
        assert_eq!(uid, Uid::of(&birth(1, 1)));
        assert_ne!(uid, Uid::of(&birth(2, 1)));
        assert_ne!(uid, Uid::of(&birth(1, 2)));
        let uid = uid.as_str();
        assert!(uid.starts_with('C') && uid.len() == 18 && uid.bytes().all(|b| b.is_ascii_alphanumeric()), "{uid}");
    }
}
