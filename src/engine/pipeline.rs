//! The way of one packet: selected, filtered (what the capture dropped before those turned away is carried on), decoded, joined,
//! tracked, told.

use super::carried::Carried;
use super::saved::Dealer;
use super::select::Selection;
use super::share::{Share, Stage};
use super::totals::Totals;
use crate::capture::Input;
use crate::decode::fragment::{FragmentPool, Inserted, Joined};
use crate::decode::{Fragment, Packet, decode, enclosing};
use crate::event::{Event, Keep, Sink};
use crate::filter::Filter;
use crate::flow::fetch::fetch_beyond;
use crate::flow::wireshark::Labeler;
use crate::flow::{Admission, Ending, FlowEvent, Note, PacketMeta, Pieces, Tracker};
use crate::model::{Frame, SourceInfo, Timestamp};
use std::io;

/// Frames turned away whose ports are looked at, to tell which are there when nothing matched.
const PORTS_FROM: u64 = 100_000;

/// What is told of a packet that nobody looks into.
const UNREAD: Packet<'static> = Packet::empty(&[]);

/// Everything between a source and a sink.
pub(super) struct Pipeline {
    pub(super) selection: Selection,
    pub(super) filter: Filter,
    pub(super) tracker: Option<Tracker>,
    /// Where an output wants Wireshark's labels.
    pub(super) labeler: Option<Labeler>,
    pub(super) fragments: FragmentPool,
    pub(super) totals: Totals,
    /// Nobody looks into the packets.
    pub(super) copy_only: bool,
    /// One file or interface, not several merged.
    pub(super) single_source: bool,
    /// Packets that may still be let through (`-c`).
    pub(super) left: u64,
    /// Where other threads have the rest of the frames.
    pub(super) share: Option<Share>,
    /// What the capture dropped before frames that are not let through.
    pub(super) carried: Carried,
    /// Where other threads follow the conversations of a saved capture: the way to them.
    pub(super) dealer: Option<Dealer>,
}

impl Pipeline {
    /// Are there other threads?
    pub(super) const fn is_shared(&self) -> bool {
        self.share.is_some()
    }

    /// Gives a frame a number that no other thread gives, where there are some; says whether there are.
    pub(super) fn number(&mut self, frame: &mut Frame<'_>) -> bool {
        if let Some(share) = &mut self.share {
            share.number(frame);
        }
        self.is_shared()
    }

    /// No frame is there just now.
    pub(super) fn pause(&mut self) -> Keep {
        if let Some(share) = &mut self.share {
            share.pause();
        }
        if self.dealer.as_mut().is_none_or(Dealer::flush) { Keep::Going } else { Keep::Enough }
    }

    /// More is known of a source.
    pub(super) fn on_source(&mut self, index: u16, info: &SourceInfo, sink: &mut impl Sink) -> io::Result<Keep> {
        match &mut self.dealer {
            Some(dealer) => Ok(if dealer.source(index, info) { Keep::Going } else { Keep::Enough }),
            None => sink.on_event(&Event::Source { index, info }),
        }
    }

    /// Lets the tracker know of packets that will come soon.
    #[inline]
    pub(super) fn look_ahead(&mut self, input: &mut Input) {
        /// Two for each packet that comes, until they are far enough ahead.
        const EACH: usize = 2;
        let Some(tracker) = self.tracker.as_mut().filter(|tracker| tracker.looks_ahead()) else { return };
        for _ in 0..EACH {
            let Some((number, link, bytes)) = input.scout(Tracker::AHEAD) else { return };
            fetch_beyond(bytes);
            tracker.expect(number, link, bytes);
        }
    }

    /// Takes a frame all the way.
    #[inline]
    pub(super) fn on_frame(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> io::Result<Keep> {
        let dropped = frame.marks.dropped_before;
        if dropped > 0 {
            self.tell_drops(frame, dropped);
        }
        if !self.selection.holds(frame) {
            self.carried.keep(frame);
            return Ok(if self.is_past(frame.number) { Keep::Enough } else { Keep::Going });
        }
        if !self.filter.accepts(frame) {
            self.totals.count_read();
            self.carried.keep(frame);
            self.turn_away(frame);
            return Ok(Keep::Going);
        }
        if let Some(share) = &mut self.share {
            match share.let_through() {
                Some(false) => {}
                Some(true) => self.left = 1,
                None => return Ok(Keep::Enough),
            }
        }
        self.totals.count_read();
        if self.carried.is_empty() {
            self.let_through(frame, sink)
        } else {
            let frame = self.carried.joined(frame);
            self.let_through(&frame, sink)
        }
    }

    #[cold]
    fn tell_drops(&mut self, frame: &Frame<'_>, dropped: u64) {
        if let Some(tracker) = &mut self.tracker {
            tracker.on_drops(frame.source, frame.ts, dropped);
        }
        if let Some(dealer) = &mut self.dealer {
            dealer.drops(frame.source, frame.ts, dropped);
        }
    }

    /// Flows begun so far.
    pub(super) fn flows(&self) -> u64 {
        match (&self.tracker, &self.dealer) {
            (Some(tracker), _) => tracker.stats().total(),
            (None, Some(dealer)) => dealer.flows(),
            (None, None) => 0,
        }
    }

    /// Takes a frame that the filter wants.
    fn let_through(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> io::Result<Keep> {
        self.totals.count_matched(frame);
        if let Some(dealer) = &mut self.dealer {
            let goes_on = dealer.give(frame);
            self.left -= 1;
            return Ok(if self.left == 0 || !goes_on { Keep::Enough } else { Keep::Going });
        }
        if self.copy_only {
            let keep = sink.on_event(&Event::Packet { frame, packet: &UNREAD, note: &Note::NONE })?;
            self.left -= 1;
            return Ok(if self.left == 0 { Keep::Enough } else { keep });
        }
        let packet = decode(frame);
        self.totals.count_decoded(&packet, self.totals.matched());
        let mut teller = Teller { totals: &mut self.totals, sink, told: Ok(Keep::Going), handshakes: Vec::new() };
        let mut note = match &mut self.tracker {
            Some(tracker) => {
                let meta = meta_of(frame);
                let elsewhere = self
                    .share
                    .as_ref()
                    .is_some_and(|share| share.send(Stage::Decoded, &meta, frame, &packet, tracker.joins_icmp_errors()));
                if elsewhere {
                    tracker.on_packet_time(frame.ts, &mut |event: FlowEvent<'_>| teller.tell(event));
                    Note::default()
                } else {
                    track(tracker, &mut self.fragments, self.share.as_ref(), (frame, &packet), meta, &mut teller)
                }
            }
            None => Note::default(),
        };
        note.wireshark = self.labeler.as_mut().and_then(|labeler| labeler.on_packet(frame, &packet));
        let Teller { told, handshakes, .. } = teller;
        let mut keep = told?;
        keep = least(keep, sink.on_event(&Event::Packet { frame, packet: &packet, note: &note })?);
        for record in &handshakes {
            keep = least(keep, sink.on_event(&Event::Handshake(record))?);
        }
        self.left -= 1;
        Ok(if self.left == 0 { Keep::Enough } else { keep })
    }

    /// Can no frame that comes be in the part asked for? Only told of a single source, whose numbers rise.
    fn is_past(&self, number: u64) -> bool {
        self.single_source && self.selection.last_number().is_some_and(|last| number > last)
    }

    /// A frame that the filter does not want: while it has let nothing through, the ports it turns away are worth telling.
    fn turn_away(&mut self, frame: &Frame<'_>) {
        if self.totals.matched() == 0 && self.totals.read() <= PORTS_FROM {
            self.totals.count_rejected(&decode(frame));
        }
    }

    /// Follows what other threads handed over. It was counted where it was read; of its conversations nothing is told of but what
    /// ends or was set up. `all`: nothing is read any more, so there is nothing to wait for.
    pub(super) fn take_in(&mut self, all: bool, sink: &mut impl Sink) -> io::Result<Keep> {
        let mut keep = Keep::Going;
        while let Some(parcel) = self.share.as_ref().and_then(|share| share.receive(all)) {
            let Some(tracker) = &mut self.tracker else { continue };
            let mut teller = Teller { totals: &mut self.totals, sink, told: Ok(Keep::Going), handshakes: Vec::new() };
            let (frame, packet) = parcel.open();
            let share = self.share.as_ref();
            match parcel.stage {
                Stage::Decoded => {
                    track(tracker, &mut self.fragments, share, (&frame, &packet), parcel.meta, &mut teller);
                }
                Stage::Joined => {
                    let mut tell = |event: FlowEvent<'_>| teller.tell(event);
                    follow(tracker, share, (&frame, &packet), &parcel.meta, &mut tell);
                }
                Stage::Orphan => {
                    tracker.on_packet(&parcel.meta, &packet, &mut |event: FlowEvent<'_>| teller.tell(event));
                }
            }
            let Teller { told, handshakes, .. } = teller;
            keep = least(keep, told?);
            for record in &handshakes {
                keep = least(keep, sink.on_event(&Event::Handshake(record))?);
            }
        }
        Ok(keep)
    }

    /// Live time went by without packets.
    pub(super) fn on_idle(&mut self, now: Timestamp, sink: &mut impl Sink) -> io::Result<Keep> {
        self.fragments.expire(now);
        let mut teller = Teller { totals: &mut self.totals, sink, told: Ok(Keep::Going), handshakes: Vec::new() };
        if let Some(tracker) = &mut self.tracker {
            tracker.on_time(now, &mut |event: FlowEvent<'_>| teller.tell(event));
        }
        let keep = teller.told?;
        Ok(least(keep, sink.on_event(&Event::Tick(now))?))
    }

    /// The source has ended: so does every flow, and no datagram will be completed any more.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> io::Result<Keep> {
        finish(&mut [self], sink)
    }
}

/// Ends the flows that are left, of all threads in one order: that of their first packets.
pub(super) fn finish(pipelines: &mut [&mut Pipeline], sink: &mut impl Sink) -> io::Result<Keep> {
    let mut keep = Keep::Going;
    for pipeline in pipelines.iter_mut() {
        pipeline.fragments.finish();
    }
    let endings = pipelines.iter().map(|pipeline| pipeline.tracker.as_ref().map(Tracker::ending));
    let mut endings: Vec<Option<Ending>> = endings.collect();
    loop {
        let heads = pipelines.iter().zip(&endings).enumerate().filter_map(|(at, (pipeline, ending))| {
            let head = pipeline.tracker.as_ref()?.next_to_end(ending.as_ref()?)?;
            Some((head, at))
        });
        let Some((_, at)) = heads.min() else { return Ok(keep) };
        let Pipeline { tracker: Some(tracker), totals, .. } = &mut *pipelines[at] else { return Ok(keep) };
        let Some(ending) = &mut endings[at] else { return Ok(keep) };
        let mut teller = Teller { totals, sink, told: Ok(Keep::Going), handshakes: Vec::new() };
        tracker.end_next(ending, &mut |event: FlowEvent<'_>| teller.tell(event));
        keep = least(keep, teller.told?);
    }
}

/// Gives a packet to the tracker: as it is, or the datagram that it completes. Pieces of unfinished datagrams belong to no flow yet.
fn track<S: Sink>(
    tracker: &mut Tracker,
    fragments: &mut FragmentPool,
    share: Option<&Share>,
    (frame, packet): (&Frame<'_>, &Packet<'_>),
    mut meta: PacketMeta,
    teller: &mut Teller<'_, S>,
) -> Note {
    let mut tell = |event: FlowEvent<'_>| teller.tell(event);
    let opened = !(packet.tunnel.depth > 0 && tracker.follows_outer_flows())
        || enclosing(frame, packet)
            .all(|outer| tracker.admit(&meta, &outer) == Admission::Taken && tracker.on_outer(&meta, &outer, &mut tell));
    match if opened { tracker.admit(&meta, packet) } else { Admission::Refused } {
        Admission::Taken => {}
        Admission::Alone => {
            return tracker.on_packet(&meta, &Packet { fragment: Fragment::default(), ..*packet }, &mut tell);
        }
        Admission::Refused => {
            tracker.on_packet_time(frame.ts, &mut tell);
            return Note::default();
        }
    }
    match fragments.insert(frame, packet) {
        Inserted::Whole => follow(tracker, share, (frame, packet), &meta, &mut tell),
        Inserted::Joined(joined) => {
            joined_meta(&mut meta, &joined);
            let opened = !tracker.follows_outer_flows()
                || joined
                    .enclosing()
                    .all(|outer| tracker.admit(&meta, &outer) == Admission::Taken && tracker.on_outer(&meta, &outer, &mut tell));
            // Its pieces were admitted; what is in it was not yet.
            if !opened || tracker.admit(&meta, &joined.packet) == Admission::Refused {
                tracker.on_packet_time(frame.ts, &mut tell);
                return Note::default();
            }
            if let Some(share) = share
                && share.send(Stage::Joined, &meta, frame, &joined.packet, tracker.joins_icmp_errors())
            {
                tracker.on_packet_time(frame.ts, &mut tell);
                return Note::default();
            }
            follow(tracker, share, (frame, &joined.packet), &meta, &mut tell)
        }
        Inserted::Held | Inserted::Dropped => {
            tracker.on_packet_time(frame.ts, &mut tell);
            Note::default()
        }
    }
}

/// Gives the tracker a packet that belongs to this thread. An ICMP error that quotes nothing known here may still be part of a
/// conversation of its own addresses, elsewhere.
fn follow(
    tracker: &mut Tracker,
    share: Option<&Share>,
    (frame, packet): (&Frame<'_>, &Packet<'_>),
    meta: &PacketMeta,
    tell: &mut impl FnMut(FlowEvent<'_>),
) -> Note {
    if let Some(share) = share
        && packet.tunnel.depth == 0
        && tracker.joins_icmp_errors()
        && packet.quoted().is_some()
        && !tracker.knows_quoted(packet)
        && share.send(Stage::Orphan, meta, frame, packet, true)
    {
        tracker.on_packet_time(meta.ts, tell);
        return Note::default();
    }
    tracker.on_packet(meta, packet, tell)
}

/// What the tracker is told of a datagram beside what it is told of the last of its pieces.
pub(super) const fn joined_meta(meta: &mut PacketMeta, joined: &Joined<'_>) {
    meta.wire_bytes = joined.wire_bytes;
    meta.frames = joined.frames;
    meta.pieces = Some(Pieces { first: joined.first, start: joined.start, ip_bytes: joined.ip_bytes });
}

/// What the tracker is told of a frame.
pub(super) fn meta_of(frame: &Frame<'_>) -> PacketMeta {
    PacketMeta {
        source: frame.source,
        number: frame.number,
        ts: frame.ts,
        wire_bytes: u64::from(frame.wire_len),
        frames: 1,
        marks: frame.marks,
        interface: frame.interface,
        pieces: None,
    }
}

/// Hands flow events on to the sink, and keeps what it answers. Records of flows that ended go out before the packet's event;
/// the outcome of an attempt, which the packet brought about, after it.
struct Teller<'a, S> {
    totals: &'a mut Totals,
    sink: &'a mut S,
    told: io::Result<Keep>,
    handshakes: Vec<crate::flow::FlowRecord>,
}

impl<S: Sink> Teller<'_, S> {
    fn tell(&mut self, event: FlowEvent<'_>) {
        let Ok(keep) = self.told else { return };
        match event {
            FlowEvent::Handshake(record) => self.handshakes.push(record.clone()),
            FlowEvent::Ended(record) => {
                self.totals.count_flow(record);
                self.told = self.sink.on_event(&Event::Flow(record)).map(|answer| least(keep, answer));
            }
            FlowEvent::Stream(part) => {
                self.told = self.sink.on_event(&Event::Stream(part)).map(|answer| least(keep, answer));
            }
            FlowEvent::Neighbour(neighbour) => {
                self.told = self.sink.on_event(&Event::Neighbour(neighbour)).map(|answer| least(keep, answer));
            }
            // A tracker that sees all packets keeps names itself.
            FlowEvent::Learnt(_) => {}
            FlowEvent::Settled(settled) => {
                self.told = self.sink.on_event(&Event::Settled(&settled)).map(|answer| least(keep, answer));
            }
        }
    }
}

/// One sink that has enough is enough.
fn least(a: Keep, b: Keep) -> Keep {
    if a == Keep::Enough { a } else { b }
}
