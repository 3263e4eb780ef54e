//! The words of causes, and of what belongs to another connection: who sends a packet again and why, what became of what is missing, what
//! a stray answer and its reset do.

use super::words::Telling;
use crate::output::units::{self, duration};
use crate::story::{Cause, Claim, Host, Say};

/// The sentence of such a claim.
pub(super) fn sentence(claim: &Claim, t: &Telling<'_>) -> Option<String> {
    let host = claim.host.unwrap_or(Host::Client);
    let (me, you) = (host.letter(), host.other().letter());
    Some(match &claim.say {
        Say::AnswersOldSyn => format!("{me} accepts another SYN than this one: an older one that came late (RFC 9293 section 3.5, “Recovery from Old Duplicate SYN”), or something on the way answers for it."),
        Say::NeverSent => format!("{me}, in SYN-SENT, never sent that number: RFC 9293 (section 3.10.7.3) has it answer with a reset of that number, and go on waiting."),
        Say::ResetsStray { of } => format!("The reset has the number that {} acknowledges: it answers that. {me} is not broken off by it.", t.packet(*of)),
        Say::OldOneEnds { listens: true } => format!("When it arrives, {me} goes from SYN-RECEIVED back to LISTEN: the number is exactly the one that it waits for."),
        Say::OldOneEnds { listens: false } => format!("If {me} has an older connection with these ports, it aborts that when the reset arrives, for the number is exactly the one that it waits for; the next SYN finds the ports free (RFC 9293 section 3.5, “Half-Open Connection Discovery”)."),
        Say::PortsReused => "Another connection with the same ports follows: how this one ended is in no packet.".to_owned(),
        Say::AsksReset { of } => format!("{me} answers the reset {} with the number that it waits for (challenge ACK, RFC 5961 section 3.2): if {you} means it, another reset comes with exactly that.", t.packet(*of)),
        Say::ResetNotExact { wants } => {
            let wants = wants.map_or_else(String::new, |wants| format!(" ({wants})"));
            format!("This reset is in {you}'s window, but not at the number that {you} waits for{wants}: {you} asks with an ACK, and the connection goes on (RFC 5961 section 3.2). It may be forged, or something before it was lost.")
        }
        Say::SetUpTimer { answer: false } => format!("{me}'s kernel sent it again: nothing had answered until its timer ran out. The program does nothing."),
        Say::SetUpTimer { answer: true } => format!("{me}'s kernel sent it again: it has seen no ACK of it."),
        Say::RefusedWhy => "No socket listens on that port, for which S is in CLOSED, and S's kernel says so; no program on S took part (RFC 9293 section 3.10.7.1). Or a firewall rejects with a reset: that is the same packet.".to_owned(),
        Say::OpensFast { to } => format!("{me} called socket(), then a call that sends data to {} port {} along with the SYN.", to.ip, to.port),
        Say::FastOpenReturns => format!("The connection of {me} is set up: a blocking sendto() returns the bytes that it took, a non-blocking socket becomes writable."),
        Say::AcceptEarly => format!("{me}'s kernel takes the data of the SYN: accept() of {me} can return since the SYN came, and recv() gives the data, before the handshake is complete (RFC 7413 section 4.2)."),
        Say::Copied { of, after, ttls } => {
            let ttls = ttls.map_or_else(String::new, |(before, now)| format!(", with TTL {now} instead of {before}"));
            format!("The same packet as {}, IP id and all{ttls}, {} after it: copied by the network or the capture. {me} sent it once.", t.packet(*of), duration(*after))
        }
        Say::SendsUrgent { len, next, .. } => format!("{me} called send() with MSG_OOB, perhaps after other calls: {}. write() sends nothing urgent. Next number from {me} is {next}.", units::counted(u64::from(*len), "byte")),
        Say::Urgent { pointer, last } => format!("URG, pointer {pointer}: data is urgent up to number {last}, the one before the number that it points to (RFC 9293 section 3.8.5, RFC 6093)."),
        Say::UrgentArrives => format!("{me}'s program gets the last urgent byte from recv() with MSG_OOB, and the others as ever; with SO_OOBINLINE all of them as ever."),
        Say::MadeByHand { probe: true } => format!("Or a scanner made this SYN by hand, and no program of {me} called connect(): no option but MSS, and a window of 1024 to 4096, are what nmap and its like send. Many of these to one host, from one port, would show it."),
        Say::MadeByHand { probe: false } => format!("Or somebody made this SYN by hand, with {me}'s address or a forged one, and no program called connect(): {me} never acknowledges the answer to it."),
        Say::SplitAck => format!("{me} acknowledges the SYN and sends none of its own yet: a split handshake. {you} stays in SYN-SENT (RFC 9293 section 3.10.7.3)."),
        Say::SplitSyn => format!("{me} answers the SYN with a bare SYN, not with SYN,ACK: a split handshake. For {you}'s kernel it looks like a simultaneous open: it goes to SYN-RECEIVED and sends SYN,ACK. No listening socket answers like this: it was made by hand, or by a box on the way; who watches the connection may take {me} for the client."),
        Say::PartNew { fresh, len } => format!("{fresh} of its {len} bytes are new."),
        Say::Unheard { silent, tries: 1 } => format!("{me} has not been heard for {}; it was asked before.", duration(*silent)),
        Say::Unheard { silent, tries } => {
            format!("{me} has not been heard for {}; it was asked {tries} times before.", duration(*silent))
        }
        Say::SeenBefore { of, after } => format!("The same bytes passed in {}, {} before.", t.packet(*of), duration(*after)),
        Say::FillsHole { next } => format!("It is below {next}, the next number of {me} that was expected, and passes for the first time."),
        Say::Trigger(cause) => trigger(me, you, *cause)?,
        Say::HoleWhy { acked: Some(step) } => format!("{} acknowledges them all the same: they arrived, and the capture missed them.", t.packet(*step)),
        Say::HoleWhy { acked: None } => "They were lost before this point, they come later, or the capture missed them.".to_owned(),
        Say::WindowWhy => format!("{me}'s receive buffer is full, for its program does not read, or not as fast as {you} sends."),
        Say::KeepAliveWhy => format!("A keep-alive, which {me}'s kernel sends: its program set SO_KEEPALIVE, or the system does so for all."),
        _ => return None,
    })
}

/// What made its sender send it again.
fn trigger(me: char, you: char, cause: Cause) -> Option<String> {
    Some(match cause {
        Cause::Asked { times: 0 } => format!("{you}'s SACK blocks show that it is missing: a fast retransmit (RFC 6675), or by the time of what was acknowledged since (RFC 8985)."),
        Cause::Asked { times } => {
            format!("{} asked for it (fast retransmit).", units::counted(u64::from(times), "duplicate ACK"))
        }
        Cause::Timer { pause } => format!(
            "{me} had sent nothing for {}: its retransmission timer ran out (RFC 6298 section 5), or that of a probe of the tail (RFC 8985).",
            duration(pause)
        ),
        Cause::TooBig => "A router had said that it was too big: it goes again in smaller pieces.".to_owned(),
        Cause::Early => {
            "Before any retransmission timer: a probe of the tail, or by the time of what was acknowledged since (RFC 8985), as Linux does.".to_owned()
        }
        Cause::Unknown => return None,
    })
}
