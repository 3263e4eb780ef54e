//! The two roles of a connection. They may be turned round while it goes on; ends of a key cannot.

/// Who a packet is from, as Zeek sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    Originator = 0,
    Responder = 1,
}

impl Role {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }

    /// 0 or 1, for arrays of two.
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) const fn is_originator(self) -> bool {
        matches!(self, Self::Originator)
    }
}
