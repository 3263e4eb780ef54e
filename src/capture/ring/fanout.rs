//! One interface for several rings: the kernel hands each frame to one of them (`PACKET_FANOUT`), chosen by a program of ours.
//!
//! The kernel's own hash will not do: it takes tunnels by their outer headers, whose UDP source ports differ by direction, sends
//! fragments and ICMP errors away from their conversations, and joins fragments only by changing what is captured. This program
//! does what [`Spread`] says, and looks for the headers as the decoder does:
//!
//! - A TCP segment goes by addresses and ports, a fragment and all other IP by addresses.
//! - An ICMP error goes where the conversation is that it quotes.
//! - Tunnels that the decoder opens, and what is not IP, go to ring 0. Tags (802.1Q, 802.1ad), MPLS labels and `PPPoE` are looked
//!   through, for the two directions of a conversation need not have the same.
//!
//! A load outside the bytes ends a program with 0, which is ring 0. The engine looks again with the packet decoded
//! (`engine::share`), and what belongs elsewhere is handed over there; so a frame that this program misjudges costs
//! a copy and splits no conversation.

use super::{Made, sys};
use crate::capture::SourceError;
use crate::capture::live::tap::Opened;
use crate::capture::live::{LiveSpec, Place, cannot};
use crate::capture::spread::{self, Spread};
use crate::filter::Filter;
use crate::filter::insn::{Insn, ancillary, code};

/// `EtherType`s of tags with two bytes of control information and a type behind them.
const TAGS: [u32; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// Tags that are looked through, one behind the other.
const MOST_TAGS: usize = 4;
/// MPLS labels that are looked through.
const MOST_LABELS: usize = 8;
/// Extension headers of IPv6 that are looked through.
const MOST_EXTENSIONS: usize = 6;
/// Authentication headers of IPv4 that are looked through.
const MOST_AUTHENTICATIONS: usize = 2;
/// Protocols of IP that the decoder opens as tunnels: IPv4, IPv6, GRE.
const TUNNELS: [u32; 3] = [4, 41, 47];
/// UDP target ports that the decoder tries as tunnels: VXLAN (two), Geneve, GRE.
const TUNNELS_TO: [u32; 4] = [4789, 8472, 6081, 4754];
/// UDP ports of either end that it tries: GTP-U, Teredo, AYIYA.
const TUNNELS_BETWEEN: [u32; 3] = [2152, 3544, 5072];
/// Extension headers of IPv6 whose second byte is their length in words of eight bytes, the first not counted.
const EXTENSIONS: [u32; 6] = [0, 43, 60, 135, 139, 140];
const AUTHENTICATION: u32 = 51;
const FRAGMENT: u32 = 44;
const TCP: u32 = 6;
const UDP: u32 = 17;
/// ICMP and its types that quote a datagram (RFC 792).
const ICMP: u32 = 1;
const ICMP_ERRORS: [u32; 5] = [3, 4, 5, 11, 12];
/// The same of `ICMPv6` (RFC 4443).
const ICMPV6: u32 = 58;
const ICMPV6_ERRORS: [u32; 4] = [1, 2, 3, 4];

/// Scratch memory. Where the header at hand starts.
const HERE: u32 = 0;
/// The number of the sender's end, and of the target's.
const SENDER: u32 = 1;
const TARGET: u32 = 2;
/// A protocol or type while other things are loaded.
const NEXT: u32 = 3;

/// Opens a ring for each thread of `spread` on one interface.
///
/// The order is what makes it exact. A socket receives from its bind on, everything, until it is in the group; so each is bound
/// with a filter that lets nothing in, and frames that it refuses are counted nowhere: the capture has not begun. When all are in
/// the group, the kernel gives all frames to the first. The others get their filter, then the first does: this is the
/// moment at which the capture begins, for all. Last comes the program; what the first ring got before it is
/// handed over by the engine, as all that is in the wrong ring.
///
/// # Errors
/// Those of a ring; the kernel knows no fan-out by program with numbers of its own (Linux 4.12).
pub(in crate::capture) fn open(
    spec: &LiveSpec,
    place: Place,
    filter: &mut Filter,
    spread: Spread,
) -> Result<Vec<Opened>, SourceError> {
    let fail = |error| cannot("cannot share out the frames of", spec, error);
    let mut rings = Vec::with_capacity(spread.threads() as usize);
    let mut group = None;
    for _ in 0..spread.threads() {
        let made = super::make(spec, place, filter, false)?;
        let fd = made.ring.socket.fd();
        match group {
            None => group = Some(sys::found_group(fd).map_err(fail)?),
            Some(group) => sys::join_group(fd, group).map_err(fail)?,
        }
        rings.push(made);
    }
    for made in rings.iter_mut().rev() {
        let opened = made.ring.socket.open_gate(made.gate, made.program.as_ref(), spec).map_err(fail)?;
        made.attached(opened);
    }
    if let Some(first) = rings.first() {
        sys::share_out(first.ring.socket.fd(), &program(spread)).map_err(fail)?;
    }
    // Only now: a locked socket takes no program for its group, either.
    for made in &rings {
        made.ring.socket.lock();
    }
    Ok(rings.into_iter().map(Made::opened).collect())
}

/// The program: which ring a frame is for, from 0; the kernel takes the remainder by the number of rings, as [`Spread`] does.
#[must_use]
pub fn program(spread: Spread) -> Vec<Insn> {
    let mut out = Assembler::default();
    let to = Targets {
        seed: spread.seed(),
        ipv4: out.label(),
        ipv6: out.label(),
        quoted4: out.label(),
        quoted6: out.label(),
        tcp: out.label(),
        hosts: out.label(),
        first: out.label(),
    };
    link(&mut out, &to);
    // What stands here is jumped to from above: the kernel knows no way back.
    out.place(to.ipv4);
    ipv4(&mut out, &to, false);
    out.place(to.ipv6);
    ipv6(&mut out, &to, false);
    out.place(to.quoted4);
    ipv4(&mut out, &to, true);
    out.place(to.quoted6);
    ipv6(&mut out, &to, true);
    out.place(to.tcp);
    port(&mut out, 0, SENDER);
    port(&mut out, 2, TARGET);
    out.place(to.hosts);
    result(&mut out);
    out.place(to.first);
    out.stmt(code::RET, 0);
    out.finish()
}

/// Where the parts of the program begin. Each expects in X where its header starts.
struct Targets {
    seed: u32,
    ipv4: Label,
    ipv6: Label,
    /// The same in an ICMP error.
    quoted4: Label,
    quoted6: Label,
    /// TCP in a whole datagram; the addresses are done.
    tcp: Label,
    /// The addresses are all that counts; they are done.
    hosts: Label,
    /// Ring 0.
    first: Label,
}

/// From the frame's start to IP, or to ring 0.
fn link(out: &mut Assembler, to: &Targets) {
    let (tagged, untagged, known) = (out.label(), out.label(), out.label());
    let (mpls, pppoe) = (out.label(), out.label());
    // Bytes are counted from the network header: what the kernel shares out begins with the link header when it was sent and
    // without it when it was received, and some interfaces have none.
    out.stmt(code::LDX_IMM, ancillary::NETWORK);
    out.stmt(code::LD_WORD, ancillary::OFFSET + ancillary::PROTOCOL);
    out.when_any(&TAGS, tagged);
    out.go(known);
    // A tag that the kernel left in the bytes: the network header is before it or behind it, so count from the link header.
    out.place(tagged);
    out.stmt(code::LDX_IMM, ancillary::LINK + 12);
    for _ in 0..MOST_TAGS {
        let another = out.label();
        out.stmt(code::LD_HALF_X, 0);
        out.when_any(&TAGS, another);
        out.go(untagged);
        out.place(another);
        out.skip(4);
    }
    out.go(to.first);
    // A has the type, which X points at.
    out.place(untagged);
    out.stmt(code::ST, NEXT);
    out.skip(2);
    out.stmt(code::LD_MEM, NEXT);
    out.place(known);
    out.when(code::JEQ, 0x0800, to.ipv4);
    out.when(code::JEQ, 0x86dd, to.ipv6);
    out.when(code::JEQ, 0x8847, mpls);
    out.when(code::JEQ, 0x8848, mpls);
    out.when(code::JEQ, 0x8864, pppoe);
    out.go(to.first);
    out.place(mpls);
    labels(out, to);
    // Version 1, type 1, code 0: a session (RFC 2516). Then its number, a length, and PPP's protocol.
    out.place(pppoe);
    out.stmt(code::LD_HALF_X, 0);
    out.unless(code::JEQ, 0x1100, to.first);
    out.stmt(code::LD_HALF_X, 6);
    out.stmt(code::ST, NEXT);
    out.skip(8);
    out.stmt(code::LD_MEM, NEXT);
    out.when(code::JEQ, 0x0021, to.ipv4);
    out.when(code::JEQ, 0x0057, to.ipv6);
    out.go(to.first);
}

/// MPLS labels to the one that is marked as the last, then IP by its version.
fn labels(out: &mut Assembler, to: &Targets) {
    let bottom = out.label();
    for _ in 0..MOST_LABELS {
        out.stmt(code::LD_BYTE_X, 2);
        out.stmt(code::ST, NEXT);
        out.skip(4);
        out.stmt(code::LD_MEM, NEXT);
        out.when(code::JSET, 1, bottom);
    }
    out.go(to.first);
    out.place(bottom);
    out.stmt(code::LD_BYTE_X, 0);
    out.stmt(code::AND, 0xf0);
    out.when(code::JEQ, 0x40, to.ipv4);
    out.when(code::JEQ, 0x60, to.ipv6);
    out.go(to.first);
}

/// IPv4 from X on. `quoted`: by an ICMP error, so that no tunnel is looked for.
fn ipv4(out: &mut Assembler, to: &Targets, quoted: bool) {
    out.stmt(code::STX, HERE);
    host(out, to.seed, 12, 1, SENDER);
    host(out, to.seed, 16, 1, TARGET);
    out.stmt(code::LDX_MEM, HERE);
    out.stmt(code::LD_BYTE_X, 9);
    out.stmt(code::ST, NEXT);
    if !quoted {
        // Before the question for fragments: theirs go where whole ones go.
        out.when_any(&TUNNELS, to.first);
    }
    // More fragments, or an offset: a piece.
    out.stmt(code::LD_HALF_X, 6);
    out.when(code::JSET, 0x3fff, to.hosts);
    out.stmt(code::LD_BYTE_X, 0);
    out.stmt(code::AND, 0x0f);
    out.stmt(code::LSH, 2);
    out.stmt(code::ADD_X, 0);
    out.stmt(code::TAX, 0);
    let transport_at = out.label();
    for _ in 0..MOST_AUTHENTICATIONS {
        out.stmt(code::LD_MEM, NEXT);
        out.unless(code::JEQ, AUTHENTICATION, transport_at);
        authentication(out);
    }
    out.place(transport_at);
    transport(out, to, quoted);
}

/// IPv6 from X on.
fn ipv6(out: &mut Assembler, to: &Targets, quoted: bool) {
    let transport_at = out.label();
    out.stmt(code::STX, HERE);
    host(out, to.seed, 8, 4, SENDER);
    host(out, to.seed, 24, 4, TARGET);
    out.stmt(code::LDX_MEM, HERE);
    out.stmt(code::LD_BYTE_X, 6);
    out.stmt(code::ST, NEXT);
    out.skip(40);
    for _ in 0..MOST_EXTENSIONS {
        let (extension, authenticated, fragment, after) = (out.label(), out.label(), out.label(), out.label());
        out.stmt(code::LD_MEM, NEXT);
        out.when_any(&EXTENSIONS, extension);
        out.when(code::JEQ, AUTHENTICATION, authenticated);
        out.when(code::JEQ, FRAGMENT, fragment);
        out.go(transport_at);
        out.place(extension);
        out.stmt(code::LD_BYTE_X, 0);
        out.stmt(code::ST, NEXT);
        out.stmt(code::LD_BYTE_X, 1);
        out.stmt(code::LSH, 3);
        out.stmt(code::ADD, 8);
        out.stmt(code::ADD_X, 0);
        out.stmt(code::TAX, 0);
        out.go(after);
        out.place(authenticated);
        authentication(out);
        out.go(after);
        out.place(fragment);
        out.stmt(code::LD_BYTE_X, 0);
        out.stmt(code::ST, NEXT);
        if !quoted {
            out.when_any(&TUNNELS, to.first);
        }
        // An offset, or more fragments; neither is an atomic fragment (RFC 6946), which is whole.
        out.stmt(code::LD_HALF_X, 2);
        out.when(code::JSET, 0xfff9, to.hosts);
        out.skip(8);
        out.place(after);
    }
    out.place(transport_at);
    transport(out, to, quoted);
}

/// Steps over an authentication header (RFC 4302): its length is in words of four bytes, less two.
fn authentication(out: &mut Assembler) {
    out.stmt(code::LD_BYTE_X, 0);
    out.stmt(code::ST, NEXT);
    out.stmt(code::LD_BYTE_X, 1);
    out.stmt(code::ADD, 2);
    out.stmt(code::LSH, 2);
    out.stmt(code::ADD_X, 0);
    out.stmt(code::TAX, 0);
}

/// What follows IP at X: the end of the program for a datagram that is whole.
fn transport(out: &mut Assembler, to: &Targets, quoted: bool) {
    out.stmt(code::STX, HERE);
    out.stmt(code::LD_MEM, NEXT);
    out.when(code::JEQ, TCP, to.tcp);
    if quoted {
        out.go(to.hosts);
        return;
    }
    let (udp, icmp, icmpv6, error, error6) = (out.label(), out.label(), out.label(), out.label(), out.label());
    out.when_any(&TUNNELS, to.first);
    out.when(code::JEQ, UDP, udp);
    out.when(code::JEQ, ICMP, icmp);
    out.when(code::JEQ, ICMPV6, icmpv6);
    out.go(to.hosts);
    out.place(udp);
    out.stmt(code::LD_HALF_X, 2);
    out.when_any(&TUNNELS_TO, to.first);
    out.when_any(&TUNNELS_BETWEEN, to.first);
    out.stmt(code::LD_HALF_X, 0);
    out.when_any(&TUNNELS_BETWEEN, to.first);
    out.go(to.hosts);
    // The quote of an error starts after eight bytes.
    out.place(icmp);
    out.stmt(code::LD_BYTE_X, 0);
    out.when_any(&ICMP_ERRORS, error);
    out.go(to.hosts);
    out.place(error);
    out.skip(8);
    out.go(to.quoted4);
    out.place(icmpv6);
    out.stmt(code::LD_BYTE_X, 0);
    out.when_any(&ICMPV6_ERRORS, error6);
    out.go(to.hosts);
    out.place(error6);
    out.skip(8);
    out.go(to.quoted6);
}

/// `M[into]` = the number of the address of so many words at an offset from the header at hand.
fn host(out: &mut Assembler, seed: u32, offset: u32, words: u32, into: u32) {
    out.stmt(code::LD_IMM, seed);
    out.stmt(code::ST, into);
    for word in 0..words {
        out.stmt(code::LDX_MEM, HERE);
        out.stmt(code::LD_WORD_X, offset + 4 * word);
        out.stmt(code::LDX_MEM, into);
        out.stmt(code::XOR_X, 0);
        out.stmt(code::MUL, spread::BY_WORD);
        out.stmt(code::ST, into);
    }
    bring_down(out, spread::AFTER_WORDS);
    out.stmt(code::ST, into);
}

/// `M[into]` = the number of the end with the port at an offset from the header at hand.
fn port(out: &mut Assembler, offset: u32, into: u32) {
    out.stmt(code::LDX_MEM, HERE);
    out.stmt(code::LD_HALF_X, offset);
    out.stmt(code::LDX_MEM, into);
    out.stmt(code::XOR_X, 0);
    out.stmt(code::MUL, spread::BY_PORT);
    bring_down(out, spread::AFTER_PORT);
    out.stmt(code::ST, into);
}

/// Ends with the number of both ends together.
fn result(out: &mut Assembler) {
    out.stmt(code::LD_MEM, SENDER);
    out.stmt(code::LDX_MEM, TARGET);
    out.stmt(code::ADD_X, 0);
    bring_down(out, spread::AT_LAST_BEFORE);
    out.stmt(code::MUL, spread::AT_LAST);
    bring_down(out, spread::AT_LAST_AFTER);
    out.stmt(code::RET_A, 0);
}

/// A = A ^ A >> bits.
fn bring_down(out: &mut Assembler, bits: u32) {
    out.stmt(code::TAX, 0);
    out.stmt(code::RSH, bits);
    out.stmt(code::XOR_X, 0);
}

/// A place in the program that is jumped to, before it is known where.
#[derive(Clone, Copy)]
struct Label(usize);

/// Puts instructions one behind the other. Jumps of any length: a comparison steps over a plain jump.
#[derive(Default)]
struct Assembler {
    insns: Vec<Insn>,
    /// Where each label stands.
    labels: Vec<Option<usize>>,
    /// Plain jumps, and what they lead to.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    fn stmt(&mut self, code: u16, k: u32) {
        self.insns.push(Insn::stmt(code, k));
    }

    fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label stands for the next instruction.
    fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.insns.len());
    }

    fn go(&mut self, label: Label) {
        self.jumps.push((self.insns.len(), label));
        self.stmt(code::JA, 0);
    }

    fn when(&mut self, code: u16, k: u32, label: Label) {
        self.insns.push(Insn::jump(code, k, 0, 1));
        self.go(label);
    }

    /// Goes there if A is one of these.
    fn when_any(&mut self, numbers: &[u32], label: Label) {
        for &number in numbers {
            self.when(code::JEQ, number, label);
        }
    }

    fn unless(&mut self, code: u16, k: u32, label: Label) {
        self.insns.push(Insn::jump(code, k, 1, 0));
        self.go(label);
    }

    /// X = X + bytes.
    fn skip(&mut self, bytes: u32) {
        self.stmt(code::TXA, 0);
        self.stmt(code::ADD, bytes);
        self.stmt(code::TAX, 0);
    }

    /// The program with its jumps filled in. Every label was placed behind all jumps to it.
    fn finish(mut self) -> Vec<Insn> {
        for (at, label) in self.jumps {
            let target = self.labels[label.0].unwrap_or(at);
            self.insns[at].k = (target - at - 1) as u32;
        }
        self.insns
    }
}
