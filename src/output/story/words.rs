//! The words of each claim. One sentence or two, plain, for the level that is asked for; `None` where a level leaves it out.

use super::first::{self, First};
use super::{Level, causes};
use crate::flow::{Confidence, TcpState, VerdictKind};
use crate::model::Span;
use crate::output::units::{self, bytes, count, duration};
use crate::story::{Backoff, Break, Call, Claim, Errno, Host, Options, Say, Step};

/// What the words need to know beside the claim.
pub(super) struct Telling<'a> {
    pub(super) level: Level,
    pub(super) quiz: bool,
    pub(super) steps: &'a [&'a Step],
    pub(super) several: bool,
}

impl Telling<'_> {
    /// The number of a step's packet: `#12`.
    pub(super) fn packet(&self, step: usize) -> String {
        self.steps
            .get(step)
            .map_or_else(String::new, |step| units::packet_number(self.several.then_some(step.source), step.number))
    }

    fn deep(&self) -> bool {
        self.level == Level::Deep
    }
}

/// The sentence of a claim.
#[expect(clippy::too_many_lines, reason = "a list: a sentence for each rule")]
pub(super) fn sentence(claim: &Claim, t: &Telling<'_>) -> Option<String> {
    let host = claim.host.unwrap_or(Host::Client);
    let (me, you) = (host.letter(), host.other().letter());
    if t.level == Level::First {
        match first::sentence(claim, t) {
            First::Says(text) => return Some(text),
            First::Silent => return None,
            First::Same => {}
        }
    }
    Some(match &claim.say {
        Say::Listens { port } => format!("S called socket(), bind(port {port}), listen(). S is in LISTEN."),
        Say::Connects { to, port, ephemeral } => {
            let own = if *ephemeral {
                format!("Port {port} is one of those that kernels pick.")
            } else {
                format!("Port {port} is none that Linux picks by itself: {me} may have chosen it with bind().")
            };
            let ip = to.ip;
            let by_hand = if claim.mark == crate::story::Mark::OneOf { ", or a scanner made the SYN by hand" } else { "" };
            format!("{me} called socket(), then connect({ip}, {}){by_hand}. {own}", to.port)
        }
        Say::Midway => "The connection was there before the capture began: how it was set up is not in it. Numbers are counted from the lowest that was seen.".to_owned(),
        Say::Asks { isn } => {
            format!("{me} asks to talk and says where its numbering starts (real value {isn}).")
        }
        Say::Offers(options, window) => offers(options, *window),
        Say::EarlyData { len } => format!("The SYN carries {} already: fast open (RFC 7413). {you} may give them to its program at once, or ignore them; then they are sent again.", counted_bytes(*len)),
        Say::ConnectWaits => format!("{me}'s program called connect(): a blocking one waits here, a non-blocking one has returned EINPROGRESS."),
        Say::SendsEarly => format!("{me}'s program called sendto() with MSG_FASTOPEN, or connect() with TCP_FASTOPEN_CONNECT and then send()."),
        Say::SynAgain { copy, gap, backs_off } => {
            let pause = match backs_off {
                Backoff::Even => ", as long as the pause before",
                Backoff::Doubles => ", twice the pause before",
                Backoff::First | Backoff::Odd => "",
            };
            if *copy > 2 {
                return Some(format!("Once more, after {}{pause}.", duration(*gap)));
            }
            format!("The same SYN after {}{pause}.", duration(*gap))
        }
        Say::AcceptsSyn { ack } => {
            if *ack == 1 {
                format!("ack 1 = 0 + 1: {me} has {you}'s SYN, which uses one number although it carries no data.")
            } else {
                format!("ack {ack} = 0 + 1 + {}: {me} has {you}'s SYN, which uses one number, and the data in it.", ack - 1)
            }
        }
        Say::ConnectReturns => format!("The connect of {me} succeeds: a blocking connect() returns 0, a non-blocking socket becomes writable."),
        Say::Simultaneous => "Both sides sent a SYN before either had the other's: both called connect(), and one connection comes of it (RFC 9293 section 3.5, simultaneous open).".to_owned(),
        Say::SynAckAgain { copy, gap } => format!("The same SYN,ACK once more (copy {copy}) after {}.", duration(*gap)),
        Say::KernelCompletes => format!("{me}'s kernel sends this by itself, no call is needed. With it the connection is set up."),
        Say::AcceptCan => "accept() of S can now return a new socket. It may have been waiting, or be called later: packets cannot show which.".to_owned(),
        Say::ChallengeAck => format!("{me} answers the SYN with an ACK of something else: it still has an older connection with these ports (RFC 5961 section 4, challenge ACK), or something on the way answers for it."),
        Say::Sends { len, next, phrase, .. } => {
            let what = phrase.as_ref().map_or_else(String::new, |phrase| format!(": {}", quoted(&phrase.0)));
            if claim.calls.iter().any(|called| called.call == Call::SendTo) {
                return Some(format!("The call of {me} that opened the connection had these data, or send() or write() was called since: {}{what}. Next number from {me} is {next}.", counted_bytes(*len)));
            }
            format!("{me} called send() or write(): {}{what}. Next number from {me} is {next}.", counted_bytes(*len))
        }
        Say::Thinks { since, took } => format!("{} after {}: the time that {me}'s program took.", duration(*took), t.packet(*since)),
        Say::KernelHas { upto, wants } => format!("{me}'s kernel has bytes up to {upto} and wants {wants}. It does not mean that the program has read them."),
        Say::AckSum { before, bytes, flags, ack } => {
            let extra = match flags {
                0 => String::new(),
                1 => " + 1".to_owned(),
                more => format!(" + {more}"),
            };
            format!("ack {ack} = {before} + {bytes}{extra}.")
        }
        Say::RoundTrip { of, took } => format!("{} after {}: a round-trip sample.", duration(*took), t.packet(*of)),
        Say::AckWaited { of, took, way } => format!("{} after {}, and there and back it was {} in the handshake: {me}'s kernel held the ACK back (delayed ACK, RFC 9293 section 3.8.6.3; Linux: 40 ms and more), or the way was slower this time.", duration(*took), t.packet(*of), duration(*way)),
        Say::RecvCan { bytes: n } => format!("If {me} reads, recv() gives {}; the ACK comes from the kernel and does not say that it has.", these_bytes(*n)),
        Say::DuplicateAck { nth, wants, has } => {
            let beyond = if has.is_empty() { String::new() } else { format!(", and has {} beyond (SACK)", ranges(has)) };
            let meaning = if *nth == 3 { " The third in a row: the sender is to send it again without waiting for its timer (RFC 5681 section 3.2)." } else { "" };
            format!("{me} still wants {wants}{beyond}: duplicate ACK number {nth}.{meaning}")
        }
        Say::Twice { range: (0, 1) } => format!("{me} says that it got {you}'s SYN twice (D-SACK, RFC 2883): the SYN,ACK was one, too."),
        Say::Twice { range } => format!("{me} says that it got {} twice (D-SACK, RFC 2883).", ranges(std::slice::from_ref(range))),
        Say::OldAck { ack, known } => format!("ack {ack} is below {known}, which {me} had sent before: this packet was overtaken on its way."),
        Say::PlainAck { ack } => format!("ack {ack}: nothing new."),
        Say::AckOfUnseen { ack, seen } => format!("ack {ack} is beyond {seen}, the last number of {you} that the capture has: it missed packets."),
        Say::WindowNow { before, now } => format!("{me} offers a window of {} instead of {}; nothing else changes.", bytes(*now), bytes(*before)),
        Say::WindowShut => format!("{me}'s window is shut: {you} may send nothing but probes."),
        Say::WindowOpens { now, shut_for } => {
            let after = shut_for.map_or_else(String::new, |shut| format!(" after {}", duration(shut)));
            format!("{me}'s window opens again{after}: {}.", bytes(*now))
        }
        Say::ProgramReads => format!("{me}'s program has called recv(): there is room in the buffer again."),
        Say::Probe { after, nth } => format!("{me}'s kernel asks whether the window is still shut (probe {nth}, {} later). No call is behind it.", duration(*after)),
        Say::ProbeAnswer { .. } => format!("{me} answers the probe: still shut."),
        Say::KeepAlive { after } => format!("A keep-alive after {} of silence: it repeats the number before the next one, so that {you} has to answer.", duration(*after)),
        Say::KeepAliveAnswer => format!("{me} answers the keep-alive: it is still there."),
        Say::Judged { verdict, against, .. } => judged(me, *verdict, against.map(|step| t.packet(step))),
        Say::Hole { from, to } => format!("Numbers {from} to {} have not passed here.", to - 1),
        Say::NotTaken => format!("By what is seen here this segment does not belong to the connection: its numbers are far from everything expected, or its checksum is wrong. {you} drops it, and answers with an ACK or a reset."),
        Say::Finishes { second, half, .. } => finishes(me, you, *second, *half),
        Say::FinCounts { next } => format!("A FIN uses one number: next is {next}."),
        Say::RecvEnd => format!("If {me} reads on, recv() returns 0 once it has read the rest: the end."),
        Say::AcceptsFin { fin, ack } => format!("ack {ack} = {fin} + 1 accepts {you}'s FIN."),
        Say::CloseUnseen => format!("{me} calls close() now or later: its FIN was sent long ago, so no packet shows it."),
        Say::TimeWait => format!("{me} waits in TIME-WAIT (2 MSL; 60 s on Linux), so that stray packets find nobody: it closed first, or at the same time."),
        Say::Refuses { ack, took, ttl, ip_id } => {
            let rule = if t.deep() { " Its rule: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>." } else { "" };
            refuses(*ack, *took, *ttl, *ip_id) + rule
        }
        Say::ConnectFails(error) => format!("connect() of {me} returns -1, {}.", error.name()),
        Say::AbandonsOpening => format!("{me} breaks off before it ever said ACK: {me}'s kernel knew of no such connection (a scanner made the SYN by hand, or somebody forged {me}'s address), or its program gave up."),
        Say::Breaks { causes } => breaks(me, you, causes),
        Say::BreakHurts { read: Some(read), write } => format!("{me}'s next recv() returns what had arrived, then -1, {}; send() -1, {} or {}. What waited to be sent is gone.", read.name(), read.name(), write.name()),
        Say::BreakHurts { read: None, write } => format!("{me}'s next recv() returns 0, the end that S or C had said before; send() -1, {}. What waited to be sent is gone.", write.name()),
        Say::LateReset => "Everything was closed already: a reset that changes nothing for the programs. A host in TIME-WAIT may leave it (RFC 1337).".to_owned(),
        Say::ResetIgnored => format!("By what is seen here this reset is outside of {you}'s window: a host that keeps RFC 5961 (section 3) ignores it. If {you} remembers an older connection with these ports, it ends that."),
        Say::SendsDatagram { len, port, phrase, first } => {
            let what = phrase.as_ref().map_or_else(String::new, |phrase| format!(": {}", quoted(&phrase.0)));
            if *first {
                format!("{me}: socket(SOCK_DGRAM), [connect(), which sends nothing], send() or sendto(): {} to port {port}{what}.", counted_bytes(*len))
            } else {
                format!("{me}: send() or sendto(): {} to port {port}{what}.", counted_bytes(*len))
            }
        }
        Say::DatagramArrives { len, port, first } => {
            let before = if *first { format!("{me} had called socket(), bind(port {port}); its ") } else { format!("{me}: ") };
            format!("{before}recvfrom() returns {} and the sender's address and port.", counted_bytes(*len))
        }
        Say::Answers { of, took } => format!("{} after {}, which it answers.", duration(*took), t.packet(*of)),
        Say::Completes { len, pieces } => {
            if pieces.is_empty() {
                return Some(format!("The last piece ({}) of a datagram that came in fragments.", counted_bytes(*len)));
            }
            let list = pieces.iter().map(|number| format!("#{number}")).collect::<Vec<_>>().join(", ");
            format!("The last of {} fragments ({list}) of a datagram with {} of data.", pieces.len(), counted_bytes(*len))
        }
        Say::CutBy { v6, fresh } => cut_by(me, you, *v6, *fresh),
        Say::OtherPacket { len } => format!("{} of a protocol whose stories are not told.", counted_bytes(*len)),
        Say::EchoMessage { request, id, len } => {
            let what = if *request { "Are you there? (echo request" } else { "Yes. (echo reply" };
            let id = id.map_or_else(String::new, |(id, seq)| format!(", id {id}, number {seq}"));
            format!("{what}{id}, {})", counted_bytes(*len))
        }
        Say::OtherMessage { kind, code, v6 } => format!("{} type {kind}, code {code}{}.", icmp(*v6), message_name(*v6, *kind)),
        Say::Reported { by, by_peer, kind, code, v6, mtu } => {
            let who = if *by_peer { "S itself".to_owned() } else { format!("{}, on the way,", by.ip) };
            let mtu = mtu.map_or_else(String::new, |mtu| format!(" Packets of at most {mtu} bytes fit."));
            format!("{who} reports: {} ({} {kind}/{code}).{mtu}", reported(*v6, *kind, *code), icmp(*v6))
        }
        Say::ConnectGoesOn { next } => format!("connect() of {me} did not return at this: {} shows that {me} is still in SYN-SENT. The kernel keeps the error, and may give it later.", t.packet(*next)),
        Say::ErrorReturns { call, error, connected } => {
            if *connected {
                format!("The next call on {me}'s socket says {}, if it is connected; on others nobody hears of it.", error.name())
            } else {
                format!("No SYN comes after this: {}() of {me} returns -1, {}. Or the kernel keeps the error, goes on asking when its timer runs out, and gives it in the end (RFC 1122 section 4.2.3.9).", call.name(), error.name())
            }
        }
        Say::NothingBack => "Nothing came back: no SYN,ACK, no RST, no ICMP.".to_owned(),
        Say::WhySilent => "Host off or address unused · a firewall that drops silently · the answers take another way · a program there that does not accept(): when its backlog is full, Linux ignores SYNs.".to_owned(),
        Say::StillKnocking { tries, error } => {
            let same = if *tries > 1 { " with the same first number: one connect(), not several" } else { "" };
            format!("C is in SYN-SENT after {}{same}. A program that waits gets -1, {} after about two minutes; one with a limit of its own stops earlier.", units::counted(u64::from(*tries), "SYN"), in_the_end(*error))
        }
        Say::Pauses { gaps, linear } => pauses(gaps, *linear),
        Say::LeftHalfOpen => "C never acknowledged the SYN,ACK: its ACK was lost, C is gone, or somebody forged C's address (a SYN flood is made of these; one of them alone does not tell, many at once do). S is in SYN-RECEIVED, sends the SYN,ACK a few more times (Linux: 5) and forgets; accept() never sees it.".to_owned(),
        Say::StillOpen => "The capture ends here. No packet has ended the connection.".to_owned(),
        Say::ScanProbe { flags } => format!("Of no connection that is known, and it looks like a probe ({}). No socket call makes such a packet by itself.", scan(*flags)),
        Say::ProbeAnswered { ack: true } => "RST: S has no such connection. Open and closed ports answer alike; it says that no firewall kept the probe away (RFC 9293 section 3.10.7.1).".to_owned(),
        Say::ProbeAnswered { ack: false } => "RST: nobody listens on that port. RFC 9293 section 3.10.7.1 lets a closed port answer anything but RST like this; an open one stays silent.".to_owned(),
        Say::Moves { host, from, to, later } => {
            let way = to.iter().map(|state| state.name()).collect::<Vec<_>>().join(" → ");
            let later = later.map_or_else(String::new, |later| format!(" when it arrives, about {} later", duration(later)));
            // A socket that listens goes on listening: what answers is a new one (RFC 9293 section 3.10.7.2).
            let listens = if *from == TcpState::Listen { " for this connection; the listening socket stays in LISTEN" } else { "" };
            format!("{}: {} → {way}{listens}{later}.", host.letter(), from.name())
        }
        Say::Traced { name, returned, error, before } => {
            let result = error.as_ref().map_or_else(|| returned.to_string(), |error| format!("{returned} {error}"));
            let gap = before.map_or_else(String::new, |before| format!(", {} before this packet", duration(before)));
            format!("{me} called {}(): it returned {result}{gap}.", crate::output::style::clean(name))
        }
        Say::NoRule => "no rule explains this packet".to_owned(),
        Say::AnswersOldSyn
        | Say::NeverSent
        | Say::ResetsStray { .. }
        | Say::OldOneEnds { .. }
        | Say::PortsReused
        | Say::AsksReset { .. }
        | Say::ResetNotExact { .. }
        | Say::SetUpTimer { .. }
        | Say::RefusedWhy
        | Say::OpensFast { .. }
        | Say::FastOpenReturns
        | Say::AcceptEarly
        | Say::SendsUrgent { .. }
        | Say::Urgent { .. }
        | Say::UrgentArrives
        | Say::MadeByHand { .. }
        | Say::PartNew { .. }
        | Say::SplitAck
        | Say::SplitSyn
        | Say::Unheard { .. }
        | Say::Copied { .. }
        | Say::SeenBefore { .. }
        | Say::FillsHole { .. }
        | Say::Trigger(_)
        | Say::HoleWhy { .. }
        | Say::WindowWhy
        | Say::KeepAliveWhy => return causes::sentence(claim, t),
    })
}

/// What a `connect()` that waits gets when the kernel gives up: the error that was reported and kept, if there was one.
pub(super) fn in_the_end(error: Option<Errno>) -> String {
    error.map_or_else(|| "ETIMEDOUT".to_owned(), |error| format!("{} or ETIMEDOUT", error.name()))
}

fn cut_by(me: char, you: char, v6: bool, fresh: Option<u8>) -> String {
    let who = match (v6, fresh) {
        (true, _) => {
            format!("{me}'s kernel cut it, for it was longer than the way allows: no router cuts IPv6 (RFC 8200 section 5).")
        }
        (false, Some(ttl)) => format!(
            "{me}'s kernel cut it, for it was longer than its link allows: TTL {ttl} is one that kernels start with, so that no router has had it yet. Or a router cut it, and its sender starts with another TTL."
        ),
        (false, None) => format!("{me}'s kernel cut it, for it was longer than its link allows, or a router on the way did."),
    };
    format!("{who} {you}'s kernel puts it together; neither program sees anything of that.")
}

const fn icmp(v6: bool) -> &'static str {
    if v6 { "ICMPv6" } else { "ICMP" }
}

pub(super) fn counted_bytes(n: u32) -> String {
    units::counted(u64::from(n), "byte")
}

fn these_bytes(n: u64) -> String {
    if n == 1 { "this byte".to_owned() } else { format!("these {} bytes", count(n)) }
}

/// Text of a capture, made safe.
pub(super) fn quoted(text: &str) -> String {
    format!("“{}”", crate::output::style::clean(text))
}

fn ranges(ranges: &[(i64, i64)]) -> String {
    ranges.iter().map(|(first, end)| format!("{first}–{}", end - 1)).collect::<Vec<_>>().join(", ")
}

fn offers(options: &Options, window: u16) -> String {
    let mut parts = Vec::new();
    if let Some(mss) = options.mss {
        parts.push(format!("biggest segment I take is {mss} bytes (MSS)"));
    }
    if options.sack_permitted {
        parts.push("I understand SACK".to_owned());
    }
    if options.times.is_some() {
        parts.push("timestamps on".to_owned());
    }
    if let Some(scale) = options.scale {
        let factor = 1_u32 << scale.min(14);
        parts.push(format!("multiply my window by {factor} from now on (window scale {scale})"));
    }
    match options.fast_open {
        Some(0) => parts.push("give me a cookie for fast open".to_owned()),
        Some(n) => parts.push(format!("a fast-open cookie of {n} bytes")),
        None => {}
    }
    if options.multipath {
        parts.push("multipath TCP".to_owned());
    }
    parts.extend(options.others.iter().map(|kind| format!("option {kind}")));
    let list = if parts.is_empty() { "none".to_owned() } else { parts.join(" · ") };
    let unscaled = if options.scale.is_some() { ", is not multiplied" } else { "" };
    format!("Options: {list}. This window, {window}{unscaled}.")
}

fn judged(me: char, verdict: crate::flow::Verdict, against: Option<String>) -> String {
    let of = against.map_or_else(String::new, |packet| format!(" (compare {packet})"));
    let age = verdict.age.map_or_else(String::new, |age| format!(" after {}", duration(age)));
    let why = verdict.evidence.words().collect::<Vec<_>>().join(", ");
    let sure = match verdict.confidence {
        Some(Confidence::Sure) => "sure",
        Some(Confidence::Likely) => "likely",
        None => "the packets do not decide",
    };
    let what = match verdict.kind {
        VerdictKind::Resent => format!("sent again by {me}'s kernel{age}{of}"),
        VerdictKind::Spurious => format!("sent again by {me}'s kernel{age}{of}, without need: it had arrived"),
        VerdictKind::Reordered => format!("overtaken on its way{of}: sent in order, seen out of order"),
        VerdictKind::Duplicate => format!("the same packet once more{of}: copied by the network or the capture"),
        VerdictKind::KeepAlive => "a keep-alive".to_owned(),
        VerdictKind::WindowProbe => "a probe of the shut window".to_owned(),
        VerdictKind::Unsure => format!("sent again, or overtaken{of}: that is open"),
    };
    let evidence = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{}. {sure}{evidence}.", capital(&what))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn finishes(me: char, you: char, second: bool, half: bool) -> String {
    if half {
        return format!(
            "{me} called shutdown(SHUT_WR): “I send nothing more”, and reads on, for {you} goes on sending and {me} takes it (half-close)."
        );
    }
    if second {
        return format!("{me} called close() (or shutdown(), or its program ended): it has nothing more to say either.");
    }
    format!("{me} called shutdown(SHUT_WR) or close(), or its program ended: “I send nothing more”.")
}

fn refuses(ack: i64, took: Span, ttl: Option<u8>, ip_id: Option<u16>) -> String {
    let signs = match (ttl, ip_id) {
        (Some(ttl), Some(id)) => format!(" TTL {ttl} and IP id {id} are what to compare with other packets of S."),
        (Some(ttl), None) => format!(" Hop limit {ttl} is what to compare with other packets of S."),
        _ => String::new(),
    };
    format!(
        "“There is no such connection”, {} after the SYN. ack {ack} = 0 + 1: it clearly answers this SYN.{signs}",
        duration(took)
    )
}

fn breaks(me: char, you: char, causes: &[Break]) -> String {
    let words = causes.iter().map(|cause| match cause {
        Break::GaveUp => format!("{me}'s kernel gave up, for nothing came back from {you}: its program gets -1, ETIMEDOUT"),
        Break::Unread => format!("close() while bytes of {you} lay unread in its buffer"),
        Break::Linger => "close() with SO_LINGER set to 0".to_owned(),
        Break::Killed => "the program was killed or ended with bytes unread".to_owned(),
        Break::NeverAccepted => "the listening socket was closed before accept() took this connection".to_owned(),
        Break::GoneBefore => format!("{me} had closed its socket wholly, and something came for it"),
        Break::Forgotten => format!("{me}'s host does not know the connection (any more)"),
        Break::Middlebox => "something on the way sent it".to_owned(),
    });
    format!("{me} breaks off. One of: {}.", words.collect::<Vec<_>>().join(" · "))
}

pub(in crate::output) fn reported(v6: bool, kind: u8, code: u8) -> &'static str {
    match (v6, kind, code) {
        (false, 3, 0 | 6 | 11) | (true, 1, 0) => "no way to that network",
        (false, 3, 1 | 7 | 12) | (true, 1, 3) => "no way to that host",
        (false, 3, 2) => "the host does not speak that protocol",
        (false, 3, 3) | (true, 1, 4) => "nobody listens on that port",
        (false, 3, 4) | (true, 2, _) => "too big for the way on, and it must not be cut in pieces",
        (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => "forbidden (a firewall)",
        (false, 11, 0) | (true, 3, 0) => "it passed too many routers: a loop, or traceroute",
        (false, 11, 1) | (true, 3, 1) => "pieces of it were missing",
        _ => "an error",
    }
}

/// What a message that is no error is for (RFC 792, RFC 4861, RFC 3810).
const fn message_name(v6: bool, kind: u8) -> &'static str {
    match (v6, kind) {
        (true, 133) => ": is there a router? (router solicitation)",
        (true, 134) => ": a router says who it is (router advertisement)",
        (true, 135) => ": which link address has this IP address? (neighbor solicitation, what ARP is for IPv4)",
        (true, 136) => ": an IP address and its link address (neighbor advertisement)",
        (true, 137) | (false, 5) => ": another router is nearer (redirect)",
        (true, 143) => ": which groups this host wants to hear (multicast listener report)",
        (false, 13) => ": what time is it? (timestamp request)",
        (false, 14) => ": the time (timestamp reply)",
        _ => "",
    }
}

/// nmap's names of probes.
const fn scan(flags: u16) -> &'static str {
    match flags & 0x3f {
        0 => "NULL scan: no flag at all",
        0x01 => "FIN scan: FIN without ACK",
        0x29 => "Xmas scan: FIN, PSH and URG",
        0x10 => "ACK or window scan: ACK alone",
        0x11 => "Maimon scan: FIN and ACK",
        _ => "odd flags",
    }
}

fn pauses(gaps: &[Span], linear: bool) -> String {
    let list = gaps.iter().map(|gap| format!("{:.1}", gap.as_secs_f64())).collect::<Vec<_>>().join(" ");
    let systems = if linear {
        "The book (RFC 6298 section 5.5) doubles from the start: 1 2 4 8. These are what Linux 6.5 and later and macOS do: the first ones even (Linux: net.ipv4.tcp_syn_linear_timeouts), then doubling."
    } else {
        "They double, as the book has it (RFC 6298 section 5.5; Linux before 6.5)."
    };
    format!("The pauses: {list} s. {systems}")
}
