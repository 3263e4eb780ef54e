//! The words of `--level first`: what is said otherwise, or not at all, to those who hear of all this for the first time. No states, no
//! sums, no RFCs, no names of options.

use super::words::{Telling, counted_bytes, in_the_end, quoted};
use crate::flow::VerdictKind;
use crate::output::units::{self, bytes, duration};
use crate::story::{Cause, Claim, Host, Say};

/// What this level says of a claim.
pub(super) enum First {
    /// This.
    Says(String),
    /// Nothing.
    Silent,
    /// The same as others.
    Same,
}

/// A claim at this level.
#[expect(clippy::too_many_lines, reason = "a list: a sentence for each rule")]
pub(super) fn sentence(claim: &Claim, t: &Telling<'_>) -> First {
    let host = claim.host.unwrap_or(Host::Client);
    let (me, you) = (host.letter(), host.other().letter());
    First::Says(match &claim.say {
        Say::Moves { .. }
        | Say::AckSum { .. }
        | Say::FinCounts { .. }
        | Say::KernelHas { .. }
        | Say::Offers(..)
        | Say::ResetIgnored
        | Say::ProbeAnswer { .. }
        | Say::NeverSent
        | Say::OldOneEnds { .. }
        | Say::SeenBefore { .. }
        | Say::FillsHole { .. }
        | Say::CutBy { .. }
        | Say::Urgent { .. } => return First::Silent,
        Say::Listens { port } => format!("S called socket(), bind(port {port}), listen()."),
        Say::Asks { .. } => format!("{me} asks to talk."),
        Say::EarlyData { len } => format!("The question carries {} of data already.", counted_bytes(*len)),
        Say::ConnectWaits => format!("{me}'s program called connect(), which waits for the answer."),
        Say::SendsEarly => format!("{me}'s program sent data along with its connect()."),
        Say::AcceptsSyn { .. } => format!("{me} agrees to talk."),
        Say::ConnectReturns => format!("connect() of {me} succeeds and returns 0."),
        Say::Simultaneous => {
            "Both asked before either had heard of the other: both called connect(), and one connection comes of it.".to_owned()
        }
        Say::SynAckAgain { gap, .. } => format!("The same answer once more after {}.", duration(*gap)),
        Say::SetUpTimer { answer: true } => format!("{me}'s kernel sent it again: it has not heard that the first arrived."),
        Say::AnswersOldSyn => format!("{me} answers another question than this one: an older one that came late."),
        Say::ResetsStray { of } => format!("This turns {} away: it was not what had been asked for.", t.packet(*of)),
        Say::AsksReset { of } => format!("{me} asks whether {} was meant.", t.packet(*of)),
        Say::ResetNotExact { .. } => format!("This does not fit exactly: {you} asks whether it was meant, and goes on."),
        Say::FastOpenReturns => format!("The connection of {me} is there: its call returns."),
        Say::AcceptEarly => format!("{me}'s kernel takes the data at once: accept() can return, and recv() gives them."),
        Say::MadeByHand { probe: true } => "Or a scanner made this by hand, and no program called connect().".to_owned(),
        Say::SplitAck => format!("{me} has heard the question and asks nothing itself yet."),
        Say::SplitSyn => format!("{me} answers in two packets, as no listening socket does: made by hand, or by a box on the way."),
        Say::ChallengeAck => format!("{me} answers as if there were an older connection with the same ports."),
        Say::Sends { len, phrase, .. } => {
            let what = phrase.as_ref().map_or_else(String::new, |phrase| format!(": {}", quoted(&phrase.0)));
            format!("{me} called send() or write(): {}{what}.", counted_bytes(*len))
        }
        Say::RoundTrip { of, took } => {
            format!("{} after {}: there and back again takes that long.", duration(*took), t.packet(*of))
        }
        Say::AckWaited { of, took, .. } => {
            format!("{} after {}: {me}'s kernel may have waited with it, to say more at once.", duration(*took), t.packet(*of))
        }
        Say::ConnectGoesOn { next } => format!("connect() of {me} waits on: {} asks again.", t.packet(*next)),
        Say::ErrorReturns { error, connected: false, .. } => {
            format!("connect() of {me} returns -1, {}, for nothing is asked after this; or it still waits.", error.name())
        }
        Say::DuplicateAck { nth, wants, .. } => {
            let times = if *nth > 1 { format!(" (time {nth})") } else { String::new() };
            format!("{me} still waits for byte {wants} and says so again{times}: something before what just came is missing.")
        }
        Say::Twice { .. } => format!("{me} says that it got something twice."),
        Say::OldAck { .. } => "This packet was overtaken on its way.".to_owned(),
        Say::PlainAck { .. } => "Nothing new.".to_owned(),
        Say::AckOfUnseen { .. } => format!("{me} confirms more than the capture has of {you}: it missed packets."),
        Say::WindowNow { before, now } => format!("{me} has room for {} now, after {}.", bytes(*now), bytes(*before)),
        Say::WindowShut => {
            format!("{me} has no room left. {you} may send nothing but short questions now.")
        }
        Say::WindowWhy => format!("{me}'s program does not read, or not as fast as {you} sends."),
        Say::WindowOpens { now, shut_for } => {
            let after = shut_for.map_or_else(String::new, |shut| format!(" after {}", duration(shut)));
            format!("{me} has room again{after}: {}.", bytes(*now))
        }
        Say::Probe { .. } => format!("{me}'s kernel asks whether there is room again. No call is behind it."),
        Say::KeepAlive { after } => {
            format!("After {} of silence {me} asks whether {you} is still there.", duration(*after))
        }
        Say::KeepAliveWhy => format!("{me}'s kernel sends it: its program had asked for that, or the system does so for all."),
        Say::KeepAliveAnswer => format!("{me} is still there."),
        Say::Judged { verdict, .. } => match verdict.kind {
            VerdictKind::Resent => format!("Sent again by {me}'s kernel."),
            VerdictKind::Spurious => format!("Sent again by {me}'s kernel, without need."),
            VerdictKind::Reordered => "Another packet overtook this one on the way.".to_owned(),
            VerdictKind::Duplicate => "The same packet once more: copied on the way.".to_owned(),
            VerdictKind::KeepAlive => "A question whether the other one is still there.".to_owned(),
            VerdictKind::WindowProbe => "A question whether there is room again.".to_owned(),
            VerdictKind::Unsure => "Sent again, or overtaken on the way: that is open.".to_owned(),
        },
        Say::Trigger(cause) => match cause {
            Cause::Asked { .. } => format!("{you} had said that it was missing."),
            Cause::Timer { pause } => format!("{me} had sent nothing for {}: its kernel waited no longer.", duration(*pause)),
            Cause::TooBig => "It had been too big for the way.".to_owned(),
            Cause::Early | Cause::Unknown => return First::Silent,
        },
        Say::Copied { of, .. } => {
            format!("The same packet as {}: copied on the way, or by the capture. {me} sent it once.", t.packet(*of))
        }
        Say::Hole { .. } => "Something before this has not passed here.".to_owned(),
        Say::HoleWhy { acked: Some(_) } => "It arrived all the same: the capture missed it.".to_owned(),
        Say::HoleWhy { acked: None } => "It was lost, it comes later, or the capture missed it.".to_owned(),
        Say::SendsUrgent { len, .. } => format!("{me} called send() with MSG_OOB: {}, the last of them urgent.", counted_bytes(*len)),
        Say::UrgentArrives => format!("{me}'s program gets the urgent byte from recv() with MSG_OOB."),
        Say::NotTaken => format!("This does not seem to belong to the connection: {you} drops it."),
        Say::AcceptsFin { .. } => format!("{me} has heard that {you} sends nothing more."),
        Say::TimeWait => {
            format!("{me} keeps the pair of ports for a while (60 s on Linux), so that stray packets find nobody: it closed first, or at the same time.")
        }
        Say::Refuses { took, .. } => format!("“There is no such connection”, {} after the question.", duration(*took)),
        Say::RefusedWhy => {
            "Nobody listens on that port, and S's kernel says so; no program on S took part. Or a firewall says it in its name.".to_owned()
        }
        Say::AbandonsOpening => format!("{me} breaks off before the connection was made: it did not ask for it, or its program gave up."),
        Say::LateReset => "Everything was closed already: this changes nothing.".to_owned(),
        Say::StillKnocking { tries, error } => format!(
            "C's kernel asked {}; its program called connect() once. If it waits it gets -1, {} after about two minutes.",
            units::counted(u64::from(*tries), "time"),
            in_the_end(*error)
        ),
        Say::Pauses { gaps, .. } => {
            let list = gaps.iter().map(|gap| format!("{:.1}", gap.as_secs_f64())).collect::<Vec<_>>().join(" ");
            format!("The pauses: {list} s. They grow, so that a network in trouble is not made worse.")
        }
        Say::NothingBack => "Nothing came back.".to_owned(),
        Say::LeftHalfOpen => {
            "C never said yes to the answer: that was lost, C is gone, or somebody forged C's address. S forgets it after a while; accept() never sees it.".to_owned()
        }
        Say::ScanProbe { .. } => "This belongs to no connection and looks like a probe. No socket call makes such a packet.".to_owned(),
        Say::ProbeAnswered { ack: true } => "S has no such connection.".to_owned(),
        Say::ProbeAnswered { ack: false } => "Nobody listens on that port.".to_owned(),
        _ => return First::Same,
    })
}
