//! Who calls what: the two hosts of a story, the calls of the socket interface, and what they fail with.

/// One of the two hosts of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// The originator: C.
    Client,
    /// The responder: S.
    Server,
}

impl Host {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The letter it is called by.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Client => 'C',
            Self::Server => 'S',
        }
    }

    /// 0 of the client, 1 of the server.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A call of the socket interface (POSIX.1-2017, "Sockets").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `socket()`.
    Socket,
    /// `bind()`.
    Bind,
    /// `listen()`.
    Listen,
    /// `connect()`.
    Connect,
    /// `accept()`.
    Accept,
    /// `send()`, and `write()`, `writev()`, `sendmsg()`, `sendfile()`.
    Send,
    /// `recv()`, and `read()`, `readv()`, `recvmsg()`.
    Recv,
    /// `shutdown(SHUT_WR)`.
    Shutdown,
    /// `close()`.
    Close,
    /// The program ends, or is killed: the kernel closes its sockets.
    Exit,
    /// `sendto()`.
    SendTo,
    /// `recvfrom()`.
    RecvFrom,
    /// `setsockopt(SO_LINGER)` with a time of 0.
    Linger,
}

impl Call {
    /// As it is written in a program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Send => "send",
            Self::Recv => "recv",
            Self::Shutdown => "shutdown",
            Self::Close => "close",
            Self::Exit => "exit",
            Self::SendTo => "sendto",
            Self::RecvFrom => "recvfrom",
            Self::Linger => "setsockopt",
        }
    }
}

/// A call that a claim speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// Whose program calls.
    pub host: Host,
    /// What.
    pub call: Call,
    /// It caused the packet, or a packet lets it return; else it lies somewhere between two packets.
    pub tied: bool,
}

/// What a call fails with (POSIX.1-2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// Refused.
    ConnRefused,
    /// Timed out.
    TimedOut,
    /// Reset by the peer.
    ConnReset,
    /// Written to what is gone.
    Pipe,
    /// No route to the host.
    HostUnreach,
    /// No route to the network.
    NetUnreach,
    /// Forbidden on the way.
    Access,
    /// Too long for the path.
    MsgSize,
    /// The other side does not speak the protocol.
    ProtoOpt,
}

impl Errno {
    /// Its name in programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnRefused => "ECONNREFUSED",
            Self::TimedOut => "ETIMEDOUT",
            Self::ConnReset => "ECONNRESET",
            Self::Pipe => "EPIPE",
            Self::HostUnreach => "EHOSTUNREACH",
            Self::NetUnreach => "ENETUNREACH",
            Self::Access => "EACCES",
            Self::MsgSize => "EMSGSIZE",
            Self::ProtoOpt => "ENOPROTOOPT",
        }
    }
}
