//! What can be said in a story. Only what is meant; the words are made by outputs, and `rule.rs` has the names.

use super::call::{Call, Errno, Host};
use super::claim::{Backoff, Break, Cause, Line, Phrase};
use super::step::Options;
use crate::flow::{TcpState, Verdict};
use crate::model::{Endpoint, Span};

/// What is said. Numbers of bytes and of the lines are relative; steps are meant by their place in the story's list.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    // Before the first packet.
    /// The server's program had opened its door.
    Listens {
        /// At this port.
        port: u16,
    },
    /// The client's program asked for the connection.
    Connects {
        /// With whom.
        to: Endpoint,
        /// From this port, which the kernel picks as a rule.
        port: u16,
        /// It is one of those that kernels pick (RFC 6335 section 6 and what systems do).
        ephemeral: bool,
    },
    /// The client's program asked for the connection with data at hand: fast open (RFC 7413).
    OpensFast {
        /// With whom.
        to: Endpoint,
    },
    /// The capture begins in the middle.
    Midway,

    // Setting up.
    /// A SYN: its sender asks to talk, and says where its numbering starts.
    Asks {
        /// The number as sent.
        isn: u32,
    },
    /// What the SYN offers.
    Offers(Options, u16),
    /// A SYN carries data (RFC 7413).
    EarlyData {
        /// Bytes.
        len: u32,
    },
    /// No program may have called `connect()`: somebody made the SYN by hand, from a raw socket.
    MadeByHand {
        /// It has no option but MSS and a window that scanners put in; else nobody acknowledged the answer.
        probe: bool,
    },
    /// The program waits in `connect()`, or has been told EINPROGRESS.
    ConnectWaits,
    /// The program sent data with the SYN.
    SendsEarly,
    /// An acknowledgment of the SYN without a SYN: the first half of an answer in two packets.
    SplitAck,
    /// A SYN that answers a SYN: the answer in two packets, or as if both had called `connect()`.
    SplitSyn,
    /// The same SYN once more: its timer ran out.
    SynAgain {
        /// Which copy this is, from 2.
        copy: u32,
        /// Time since the one before.
        gap: Span,
        /// Its gap against the one before: about the same, about twice.
        backs_off: Backoff,
    },
    /// What sends a SYN or a SYN-ACK again.
    SetUpTimer {
        /// It is the SYN-ACK.
        answer: bool,
    },
    /// A SYN-ACK accepts the SYN: `ack` is one more.
    AcceptsSyn {
        /// The number acknowledged.
        ack: Line,
    },
    /// The call that sent data along with the SYN returns.
    FastOpenReturns,
    /// The SYN-ACK covers the data of the SYN: the server's program can have them before the handshake is complete.
    AcceptEarly,
    /// `connect()` succeeds.
    ConnectReturns,
    /// A SYN from the other side, before any answer: both opened at the same time.
    Simultaneous,
    /// The same SYN-ACK once more.
    SynAckAgain {
        /// Which copy, from 2.
        copy: u32,
        /// Time since the one before.
        gap: Span,
    },
    /// The third packet: the kernel sends it by itself.
    KernelCompletes,
    /// `accept()` can return now.
    AcceptCan,
    /// The answer is no SYN-ACK but an ACK of something else (RFC 5961 section 4).
    ChallengeAck,
    /// A SYN-ACK that accepts another SYN than the one that was sent: an old one that came late (RFC 9293 section 3.5).
    AnswersOldSyn,
    /// An acknowledgment of what its receiver never sent: whoever is in SYN-SENT answers it with a reset (RFC 9293 section 3.10.7.3).
    NeverSent,
    /// The reset that answers such an acknowledgment: its number is the one that was acknowledged.
    ResetsStray {
        /// The step that it answers.
        of: usize,
    },
    /// What that reset does to the host that sent the acknowledgment.
    OldOneEnds {
        /// That host was in SYN-RECEIVED, by its SYN-ACK: it goes back to LISTEN. Else it had a connection, which is aborted.
        listens: bool,
    },

    // Talking.
    /// Data, sent for the first time.
    Sends {
        /// Bytes.
        len: u32,
        /// First number.
        first: Line,
        /// Number after the last.
        next: Line,
        /// What they are.
        phrase: Option<Phrase>,
        /// PSH is set: the last of what its program wrote, as a rule.
        push: bool,
    },
    /// Data of which some is urgent, sent for the first time.
    SendsUrgent {
        /// Bytes.
        len: u32,
        /// First number.
        first: Line,
        /// Number after the last.
        next: Line,
    },
    /// URG: up to where data is urgent (RFC 9293 section 3.8.5).
    Urgent {
        /// The pointer: so far from the segment's number.
        pointer: u16,
        /// The number of the last urgent byte.
        last: Line,
    },
    /// How the peer's program gets urgent data.
    UrgentArrives,
    /// How long its program took since it could have read the question.
    Thinks {
        /// Time since this step.
        since: usize,
        /// That long.
        took: Span,
    },
    /// An acknowledgment of new data, by the kernel.
    KernelHas {
        /// The last number it has.
        upto: Line,
        /// The number it wants next.
        wants: Line,
    },
    /// The sum behind an acknowledgment: so many bytes beyond the last.
    AckSum {
        /// What was acknowledged before.
        before: Line,
        /// Bytes of data in between.
        bytes: u64,
        /// A SYN or FIN in between, which counts as one.
        flags: u32,
        /// What is acknowledged.
        ack: Line,
    },
    /// The acknowledgment answers this step: a round trip.
    RoundTrip {
        /// The step.
        of: usize,
        /// How long.
        took: Span,
    },
    /// The acknowledgment answers this step, later than the way there and back takes: it was held back (RFC 9293 section 3.8.6.3).
    AckWaited {
        /// The step.
        of: usize,
        /// How long.
        took: Span,
        /// How long that way took in the handshake.
        way: Span,
    },
    /// If the program reads, it gets these bytes now.
    RecvCan {
        /// So many.
        bytes: u64,
    },
    /// The same acknowledgment again: something is missing.
    DuplicateAck {
        /// Which, from 1.
        nth: u32,
        /// The number that it wants.
        wants: Line,
        /// What it has beyond that, by SACK: first number, number after the last.
        has: Vec<(Line, Line)>,
    },
    /// An acknowledgment tells of bytes that came twice (RFC 2883).
    Twice {
        /// First number, number after the last.
        range: (Line, Line),
    },
    /// An acknowledgment below one that was sent before: it was overtaken.
    OldAck {
        /// It says.
        ack: Line,
        /// What was said before.
        known: Line,
    },
    /// An acknowledgment that says nothing new, and nothing is missing.
    PlainAck {
        /// The number.
        ack: Line,
    },
    /// An acknowledgment of what was never seen here.
    AckOfUnseen {
        /// The number.
        ack: Line,
        /// The highest that was seen.
        seen: Line,
    },
    /// Another window is offered, and nothing else.
    WindowNow {
        /// Before, bytes.
        before: u64,
        /// Now, bytes.
        now: u64,
    },
    /// The window is shut: its program does not read.
    WindowShut,
    /// Why a window is shut.
    WindowWhy,
    /// It opens again.
    WindowOpens {
        /// Bytes.
        now: u64,
        /// After so long.
        shut_for: Option<Span>,
    },
    /// Its program has read, so that there is room again.
    ProgramReads,
    /// A probe of the shut window (RFC 9293 section 3.8.6.1).
    Probe {
        /// Time since the one before, or since the window was shut.
        after: Span,
        /// Which, from 1.
        nth: u32,
    },
    /// The answer to it: still shut.
    ProbeAnswer {
        /// The window, bytes.
        window: u64,
    },
    /// A keep-alive: is anybody there? (RFC 9293 section 3.8.4)
    KeepAlive {
        /// Silence before it.
        after: Span,
    },
    /// The answer to a keep-alive.
    KeepAliveAnswer,
    /// What a keep-alive is for, and who asked for it.
    KeepAliveWhy,
    /// The verdict on a segment.
    Judged {
        /// What, how sure, why.
        verdict: Verdict,
        /// The step it is compared with, where it is one of the story's.
        against: Option<usize>,
        /// What made its sender send it again.
        cause: Cause,
    },
    /// It has not been heard, though the other host asked it.
    Unheard {
        /// For so long.
        silent: Span,
        /// So often was it asked before, in vain.
        tries: u32,
    },
    /// A packet without data that is a copy of another one, identification and all: made on its way, or by the capture.
    Copied {
        /// Of this step.
        of: usize,
        /// So long after it.
        after: Span,
        /// Times to live, of the first and of this one, where they differ.
        ttls: Option<(u8, u8)>,
    },
    /// The fact behind a verdict: these bytes passed before.
    SeenBefore {
        /// In this step.
        of: usize,
        /// So long before.
        after: Span,
    },
    /// The fact behind a verdict: the bytes lie below others that passed before, and passed for the first time.
    FillsHole {
        /// The next number that was expected.
        next: Line,
    },
    /// Not all of a segment was sent before.
    PartNew {
        /// So many bytes are new.
        fresh: u32,
        /// Of so many.
        len: u32,
    },
    /// What made its sender send it again.
    Trigger(Cause),
    /// What became of the numbers that a hole leaves out.
    HoleWhy {
        /// This step acknowledges them before they were seen: the capture missed them.
        acked: Option<usize>,
    },
    /// A segment leaves a hole: what is before it has not passed.
    Hole {
        /// First number missing.
        from: Line,
        /// Number after the last.
        to: Line,
    },
    /// No host takes this segment: its numbers are far from everything.
    NotTaken,

    // Hanging up.
    /// A FIN: its sender sends nothing more.
    Finishes {
        /// Number of the FIN.
        at: Line,
        /// It had been told of the peer's FIN before.
        second: bool,
        /// Data went on to it afterwards, or after the peer's end: only `shutdown()` leaves that open.
        half: bool,
    },
    /// A FIN uses a number.
    FinCounts {
        /// The next number.
        next: Line,
    },
    /// The peer's program reads the end.
    RecvEnd,
    /// The acknowledgment accepts the peer's FIN.
    AcceptsFin {
        /// Number of the FIN.
        fin: Line,
        /// The acknowledgment.
        ack: Line,
    },
    /// It has sent its FIN long ago, so its `close()` shows in no packet.
    CloseUnseen,
    /// It closed first, so it waits (2 MSL; Linux: 60 s).
    TimeWait,

    // Breaking off.
    /// A RST to a SYN: no such connection.
    Refuses {
        /// Its acknowledgment is one more than the SYN's number.
        ack: Line,
        /// Where no answer of a program's could be as quick: the round trip.
        took: Span,
        /// Its time to live, and IPv4's identification.
        ttl: Option<u8>,
        /// IPv4's identification.
        ip_id: Option<u16>,
    },
    /// Who says so.
    RefusedWhy,
    /// `connect()` fails with this.
    ConnectFails(Errno),
    /// The client resets what it never finished opening: the kernel did not know of it, or its program gave up.
    AbandonsOpening,
    /// A RST in a connection, and what may be behind it.
    Breaks {
        /// What may be.
        causes: Vec<Break>,
    },
    /// What a RST does to the peer's program.
    BreakHurts {
        /// It gets this when it reads; `None`: the end, for the peer had said that it sends nothing more.
        read: Option<Errno>,
        /// And this when it writes.
        write: Errno,
    },
    /// A RST after everything was said and done.
    LateReset,
    /// A RST that nobody takes: outside of the window (RFC 5961 section 3).
    ResetIgnored,
    /// A RST in the window, and not at the number that the peer waits for: it is asked, and goes on (RFC 5961 section 3.2).
    ResetNotExact {
        /// That number, where it is known.
        wants: Option<Line>,
    },
    /// The acknowledgment with which the peer asks.
    AsksReset {
        /// The reset.
        of: usize,
    },

    // Datagrams and messages.
    /// A datagram was sent.
    SendsDatagram {
        /// Bytes.
        len: u32,
        /// To this port.
        port: u16,
        /// What it says.
        phrase: Option<Phrase>,
        /// The first of its side.
        first: bool,
    },
    /// The other program had bound its socket, and gets it.
    DatagramArrives {
        /// Bytes.
        len: u32,
        /// The port it was bound to.
        port: u16,
        /// It is the first one there: `socket()` and `bind()` came before.
        first: bool,
    },
    /// It answers that step, so long after.
    Answers {
        /// The step.
        of: usize,
        /// How long.
        took: Span,
    },
    /// The last piece of a datagram that came in fragments.
    Completes {
        /// Bytes of the whole, where the pieces are known; else in this piece.
        len: u32,
        /// Numbers of the packets that brought it, this one the last; empty where they are not known.
        pieces: Vec<u64>,
    },
    /// Who cut a datagram in pieces.
    CutBy {
        /// IPv6: only senders do it (RFC 8200 section 5). Of IPv4 routers may, too (RFC 791 section 2.3).
        v6: bool,
        /// The time to live of IPv4's last piece, if it is one that kernels start with: no router has had it in its hands.
        fresh: Option<u8>,
    },
    /// A packet of a protocol that is not told here.
    OtherPacket {
        /// Bytes.
        len: u32,
    },
    /// An ICMP message of its own.
    EchoMessage {
        /// A request? Else a reply.
        request: bool,
        /// Identifier and sequence number.
        id: Option<(u16, u16)>,
        /// Bytes of data.
        len: u32,
    },
    /// Another ICMP message.
    OtherMessage {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// ICMP for IPv6?
        v6: bool,
    },
    /// An ICMP error about a packet of the conversation.
    Reported {
        /// By whom: not always the other host.
        by: Endpoint,
        /// It is the host that was called.
        by_peer: bool,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// ICMP for IPv6?
        v6: bool,
        /// MTU told.
        mtu: Option<u32>,
    },
    /// It is about a SYN, and the client goes on with that: its `connect()` had not returned at this error.
    ConnectGoesOn {
        /// With this step.
        next: usize,
    },
    /// What the program gets of it.
    ErrorReturns {
        /// Which call.
        call: Call,
        /// With which error.
        error: Errno,
        /// Only on a connected socket, with the next call.
        connected: bool,
    },

    // How it ends, or does not.
    /// Nothing came back at all.
    NothingBack,
    /// What may be behind silence.
    WhySilent,
    /// The client still knocks when the capture ends.
    StillKnocking {
        /// SYNs that were sent.
        tries: u32,
        /// What ICMP had reported of them: a program may get that in the end.
        error: Option<Errno>,
    },
    /// The pauses between SYNs against those of the book and of systems.
    Pauses {
        /// Each, in order.
        gaps: Vec<Span>,
        /// They follow Linux 6.5 and later, and macOS: the first ones even, then doubling.
        linear: bool,
    },
    /// The client never acknowledged the SYN-ACK; the server waits, sends it again and forgets.
    LeftHalfOpen,
    /// The connection is open when the capture ends.
    StillOpen,
    /// Another connection with the same ports follows: how this one ended is in no packet.
    PortsReused,
    /// A segment that no handshake precedes and no normal system sends: a probe (FIN, NULL, Xmas; nmap's names).
    ScanProbe {
        /// Its flags.
        flags: u16,
    },
    /// A probe is answered with RST (RFC 9293 section 3.10.7.1).
    ProbeAnswered {
        /// The probe had ACK: then open and closed ports answer alike.
        ack: bool,
    },

    // What a trace says.
    /// The program made this call.
    Traced {
        /// Its name.
        name: String,
        /// What it returned.
        returned: i64,
        /// The name of the error.
        error: Option<String>,
        /// So long before the packet that it caused; `None` of calls without one.
        before: Option<Span>,
    },

    // All of them.
    /// A host goes from one state to others.
    Moves {
        /// Who.
        host: Host,
        /// From.
        from: TcpState,
        /// To, through all between.
        to: Vec<TcpState>,
        /// When the packet arrives there, which is later than here by about so much.
        later: Option<Span>,
    },
    /// No rule explains this packet.
    NoRule,
}
