//! The questions of `--quiz`: what to ask of a claim instead of making it. The claim itself is the answer.

use super::Level;
use super::words::Telling;
use crate::output::units::duration;
use crate::story::{Claim, Host, Say};

/// The question of a claim. `None` of what is told with the answers, where somebody else asks for it.
pub(super) fn question(claim: &Claim, t: &Telling<'_>) -> Option<String> {
    let host = claim.host.unwrap_or(Host::Client);
    let (me, you) = (host.letter(), host.other().letter());
    let first = t.level == Level::First;
    Some(match &claim.say {
        Say::Sends { .. } if first => "Which call is behind this packet?".to_owned(),
        Say::AcceptsSyn { .. } | Say::AcceptsFin { .. } | Say::Twice { .. } if first => {
            format!("What does {me} say to {you} with this packet?")
        }
        Say::StillKnocking { .. } if first => {
            "How often did C's program call connect(), and what does it get in the end?".to_owned()
        }
        Say::KeepAlive { .. } if first => "What is this packet for?".to_owned(),
        Say::Listens { .. } => "Which calls had S's program made before the first packet came?".to_owned(),
        Say::Connects { .. } => "Which calls had C's program made, and who picked its port?".to_owned(),
        Say::Midway => "What is missing at the beginning, and what does that do to the numbers?".to_owned(),
        Say::OpensFast { .. } => "Which calls had C's program made?".to_owned(),
        Say::MadeByHand { .. } => format!("Must a program of {me} have called connect() for this?"),
        Say::AnswersOldSyn => "Which SYN does this answer?".to_owned(),
        Say::NeverSent => format!("What will {me} answer to that number?"),
        Say::ResetsStray { .. } => "What does this reset answer?".to_owned(),
        Say::OldOneEnds { .. } => format!("What does this reset do to {me}?"),
        Say::PortsReused => "How did this connection end?".to_owned(),
        Say::AsksReset { .. } => format!("Why does {me} answer a reset with an ACK?"),
        Say::ResetNotExact { .. } => "Does this reset end the connection?".to_owned(),
        Say::SetUpTimer { .. } => "Who sends it again, and why?".to_owned(),
        Say::RefusedWhy => "Who may have sent it?".to_owned(),
        Say::FastOpenReturns => format!("What does the call of {me} do now?"),
        Say::AcceptEarly => format!("Since when can accept() of {me} return?"),
        Say::SplitAck | Say::SplitSyn => "What is unusual about this answer?".to_owned(),
        Say::SendsUrgent { .. } => "Which call is behind this packet, and which cannot be?".to_owned(),
        Say::Urgent { .. } => "Which byte is urgent?".to_owned(),
        Say::UrgentArrives => format!("How does {me}'s program read the urgent byte?"),
        Say::Copied { .. } => format!("How often did {me} send this?"),
        Say::PartNew { .. } => "How much of it is new?".to_owned(),
        Say::Trigger(_) => format!("What made {me}'s kernel send it again?"),
        Say::HoleWhy { .. } => "What became of what is missing?".to_owned(),
        Say::WindowWhy => format!("What does that say of {me}'s program?"),
        Say::KeepAliveWhy => "Who wanted this packet to be sent?".to_owned(),
        Say::Unheard { .. } => format!("When was {me} heard last?"),
        Say::EarlyData { .. } => "What is unusual about this SYN?".to_owned(),
        Say::ConnectWaits => format!("Which call of {me}'s program does this packet come from, and what does that call do now?"),
        Say::SendsEarly => format!("Which call of {me}'s program can make such a packet?"),
        Say::SynAgain { .. } | Say::SynAckAgain { .. } => {
            "Why does this packet come once more, and which program asked for it?".to_owned()
        }
        Say::Moves { host, .. } => format!("Through which states does {} go now?", host.letter()),
        Say::AcceptsSyn { ack } | Say::AckSum { ack, .. } | Say::AcceptsFin { ack, .. } => {
            format!("How does ack {ack} come about?")
        }
        Say::ConnectReturns => format!("What does connect() of {me} do now?"),
        Say::Simultaneous => "What is unusual about this set-up?".to_owned(),
        Say::KernelCompletes => "Which call sends this packet?".to_owned(),
        Say::AcceptCan => "When does accept() of S return?".to_owned(),
        Say::ChallengeAck => format!("What kind of answer is this, and what does it say of {me}?"),
        Say::Sends { .. } => format!("Which call is behind this packet, and which number does {me} send next?"),
        Say::Thinks { since, took } => format!("What were the {} since {} spent on?", duration(*took), t.packet(*since)),
        Say::KernelHas { .. } => format!("What does this ACK say of {me}'s program?"),
        Say::RoundTrip { of, .. } => format!("What does the time since {} measure?", t.packet(*of)),
        Say::AckWaited { .. } => format!("Is this a round trip, or did {me} wait?"),
        Say::CutBy { .. } => "Who cut it in pieces?".to_owned(),
        Say::DuplicateAck { .. } => format!("What does {me} want to say with this ACK?"),
        Say::Twice { .. } => "What does the first SACK block tell here?".to_owned(),
        Say::OldAck { .. } | Say::PlainAck { .. } | Say::AckOfUnseen { .. } => "What does this ACK tell that is new?".to_owned(),
        Say::WindowNow { .. } => "What is the use of this packet?".to_owned(),
        Say::WindowShut => format!("What may {you} send now?"),
        Say::WindowOpens { .. } => format!("What has changed at {me}?"),
        Say::Probe { .. } => "What is this packet for, and which call sends it?".to_owned(),
        Say::KeepAlive { .. } => "What is this packet for, and what is odd about its number?".to_owned(),
        Say::ProbeAnswer { .. } | Say::KeepAliveAnswer => "What does this answer say?".to_owned(),
        Say::Judged { .. } => "Was this sent again, or overtaken on its way? What tells?".to_owned(),
        Say::Hole { .. } => "What has not passed here, and what can have become of it?".to_owned(),
        Say::NotTaken => format!("Does {you} take this packet?"),
        Say::Finishes { .. } => "Which calls may be behind this FIN?".to_owned(),
        Say::FinCounts { .. } => format!("Which number does {me} use next?"),
        Say::RecvEnd => format!("What does recv() of {me} return in the end?"),
        Say::CloseUnseen => format!("Which packet shows the close() of {me}?"),
        Say::TimeWait => format!("Does {me} forget the connection at once, and why?"),
        Say::Refuses { .. } => "What does this packet say, and which packet does it answer?".to_owned(),
        Say::ConnectFails(_) => format!("What does connect() of {me} return?"),
        Say::AbandonsOpening | Say::Breaks { .. } => "What may be behind this reset?".to_owned(),
        Say::BreakHurts { .. } => format!("What do {me}'s next calls return?"),
        Say::LateReset | Say::ResetIgnored => format!("What does this reset do to {you}?"),
        Say::SendsDatagram { .. } => format!("Which calls of {me}'s program are behind this datagram?"),
        Say::DatagramArrives { .. } => format!("With which call does {me}'s program get it, and what does that return?"),
        Say::Answers { .. } => "Which packet does this one answer, and how long did that take?".to_owned(),
        Say::Completes { .. } => "What kind of packet is this, and what does the program see of it?".to_owned(),
        Say::EchoMessage { .. } => "What is this message for?".to_owned(),
        Say::OtherMessage { .. } | Say::Reported { .. } => "Who says what with this message, and about which packet?".to_owned(),
        Say::ConnectGoesOn { .. } => format!("Does connect() of {me} return with this?"),
        Say::ErrorReturns { .. } => format!("What does {me}'s program hear of it?"),
        Say::Pauses { .. } => "By which rule do the pauses grow?".to_owned(),
        Say::NothingBack => "What came back?".to_owned(),
        Say::WhySilent => "What may be the reason?".to_owned(),
        Say::StillKnocking { .. } => "In which state is C in the end, and what does its program get?".to_owned(),
        Say::LeftHalfOpen => "What became of this handshake?".to_owned(),
        Say::ScanProbe { .. } => "Which call makes such a packet?".to_owned(),
        Say::ProbeAnswered { .. } => "What does this reset say of the port?".to_owned(),
        _ => return None,
    })
}

/// Is this one of the givens, which answer no question and without which some cannot be answered?
pub(super) const fn is_given(say: &Say) -> bool {
    matches!(say, Say::Asks { .. } | Say::Offers(..) | Say::OtherPacket { .. } | Say::NoRule)
}
