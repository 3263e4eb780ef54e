//! A capture in parts: a file for each conversation, or for each group of them ([`Groups`]), with an index.
//!
//! A packet goes where its conversation is counted (`Note::flow`): pieces of a datagram with the piece that completes it, an ICMP error
//! to the conversation that it quotes. Packets of none go to `other`. By hosts a packet is in the files of both, by findings in those of
//! all that its conversation takes part in. The file of a
//! conversation is complete when its record comes; files of groups are at the end. That every packet is in a file, and how many are,
//! is counted and compared with what the run let through.

mod group;
mod head;
mod list;
mod name;
mod store;

pub use group::{Groups, SplitBy};
pub use list::ListForm;
pub use name::{INDEX, is_ours};
pub use store::SplitConfig;

use super::super::capture_record::Framing;
use super::super::json::JsonLine;
use super::super::text_output::TextOutput;
use super::super::units;
use super::super::write_error::WriteError;
use crate::decode::Packet;
use crate::decode::fragment::pieces::{Datagram, WaitingPieces};
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::flow::{Change, Direction, FlowId, FlowRecord, Note};
use crate::model::{Endpoint, Frame, KeptFrame};
use list::{Complete, List};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use store::{At, Store, Whose};

/// How a capture was parted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parted {
    /// Files.
    pub files: u64,
    /// Packets in them, and their bytes. By hosts most packets are there twice, by findings some are more often.
    pub packets: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Conversations.
    pub flows: u64,
    /// Packets of no conversation.
    pub others: u64,
    /// Packets in further files: of those that are in the files of two hosts one each, of findings one for each finding but the first.
    pub twice: u64,
    /// Packets whose time the format cannot express.
    pub times_clamped: u64,
    /// Conversations that were not what they had been when the capture was read the first time.
    pub changed: u64,
}

/// Which files there are.
enum Files {
    /// Of conversations under way.
    Flows(HashMap<u64, At>),
    /// Of groups: the file, if it was begun, and how many conversations it has.
    Groups(Box<Groups>, Vec<(Option<At>, u64)>),
}

/// Writes a capture in parts.
pub struct SplitSink {
    folder: PathBuf,
    store: Store,
    files: Files,
    by: SplitBy,
    other: Option<At>,
    pieces: WaitingPieces<KeptFrame>,
    index: TextOutput,
    framing: Framing,
    json: JsonLine,
    list: List<TextOutput>,
    parted: Parted,
}

impl std::fmt::Debug for SplitSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SplitSink").field("folder", &self.folder).field("parted", &self.parted).finish_non_exhaustive()
    }
}

impl SplitSink {
    /// Writes into the folder of `config`, with `index` there and `list` on standard output. Without `groups` a file a conversation.
    /// `filter` is the capture filter of the run.
    ///
    /// # Errors
    /// The list cannot be written.
    pub fn new(
        config: SplitConfig,
        groups: Option<Groups>,
        index: TextOutput,
        (list, form): (TextOutput, ListForm),
        filter: Option<String>,
    ) -> io::Result<Self> {
        let by = groups.as_ref().map_or(SplitBy::Flow, Groups::by);
        let files = match groups {
            None => Files::Flows(HashMap::new()),
            Some(groups) => {
                let files = vec![(None, 0); groups.len()];
                Files::Groups(Box::new(groups), files)
            }
        };
        let pieces = WaitingPieces::new(config.gathered / 4);
        let config = SplitConfig { gathered: config.gathered - pieces.most(), ..config };
        Ok(Self {
            folder: config.folder.clone(),
            store: Store::new(config),
            files,
            by,
            other: None,
            pieces,
            index,
            framing: Framing::new(filter),
            json: JsonLine::default(),
            list: List::new(list, form, by)?,
            parted: Parted::default(),
        })
    }

    /// How the capture was parted, once the run is over.
    #[must_use]
    pub const fn parted(&self) -> Parted {
        self.parted
    }

    /// Closes index and list. The errors are those that were not told yet.
    pub fn close(self) -> Result<(), WriteError> {
        let index = self.index.close().result;
        let path = PathBuf::from("-");
        let list = self.list.into_inner().map_err(|error| WriteError::Output { path, operation: "writing", error });
        index.and(list.and_then(|list| list.close().result))
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> io::Result<()> {
        let datagram = Datagram::of(packet);
        match (note.flow, datagram) {
            (None, None) => self.append_other(frame)?,
            (None, Some(datagram)) => {
                let mut gone = Vec::new();
                self.pieces.keep(datagram, KeptFrame::of(frame), frame.ts, &mut gone);
                self.append_others(&gone)?;
            }
            (Some(flow), datagram) => {
                let before = datagram.map_or_else(Vec::new, |datagram| self.pieces.take(datagram));
                for kept in &before {
                    self.append(flow, &kept.frame(), None)?;
                }
                // An error comes from somebody else, and not every piece has ports.
                let own = note.change != Some(Change::IcmpError) && datagram.is_none();
                let ends = if own { packet.endpoints() } else { None };
                let ends =
                    ends.map(|(from, to)| if note.direction == Some(Direction::Responder) { (to, from) } else { (from, to) });
                self.append(flow, frame, ends)?;
            }
        }
        Ok(())
    }

    /// Appends a packet of a conversation.
    fn append(&mut self, flow: FlowId, frame: &Frame<'_>, ends: Option<(Endpoint, Endpoint)>) -> io::Result<()> {
        match &mut self.files {
            Files::Flows(files) => {
                let at = *files.entry(flow.key()).or_insert_with(|| self.store.begin(Whose::Flow(flow, ends)));
                if let Some(ends) = ends
                    && self.store.lacks_ends(at)
                {
                    self.store.name_ends(at, ends);
                }
                self.store.append(at, frame)?;
            }
            Files::Groups(groups, files) => {
                let mut written = 0;
                for group in groups.of(flow) {
                    written += 1;
                    let Some((file, _)) = files.get_mut(group as usize) else { continue };
                    let at = *file.get_or_insert_with(|| self.store.begin(Whose::Named(groups.name(group).into())));
                    self.store.append(at, frame)?;
                }
                self.parted.twice += u64::saturating_sub(written, 1);
                if written == 0 {
                    self.parted.changed += 1;
                    self.append_other(frame)?;
                }
            }
        }
        Ok(())
    }

    fn append_other(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.parted.others += 1;
        let at = *self.other.get_or_insert_with(|| self.store.begin(Whose::Named(name::OTHER.into())));
        Ok(self.store.append(at, frame)?)
    }

    fn append_others(&mut self, kept: &[KeptFrame]) -> io::Result<()> {
        kept.iter().try_for_each(|kept| self.append_other(&kept.frame()))
    }

    /// A conversation is over.
    fn end_of(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.parted.flows += 1;
        match &mut self.files {
            Files::Flows(files) => {
                let Some(at) = files.remove(&record.id.key()) else { return Ok(()) };
                self.end_file(at, Some(record), None)
            }
            Files::Groups(groups, files) => {
                self.parted.changed += u64::from(!groups.agrees(record));
                for group in groups.of(record.id) {
                    if let Some((_, flows)) = files.get_mut(group as usize) {
                        *flows += 1;
                    }
                }
                Ok(())
            }
        }
    }

    /// A file is complete.
    fn end_file(&mut self, at: At, record: Option<&FlowRecord>, group: Option<(&str, u64)>) -> io::Result<()> {
        let ends = record.map(|record| (record.originator, record.responder));
        let (file, held) = self.store.finish(at, ends)?;
        let complete = Complete { file: &file, held, record, group };
        list::write_json(&mut self.json, &mut self.index, &complete)?;
        self.list.push(&complete)
    }

    /// Nothing more comes.
    fn end(&mut self, summary: &RunSummary) -> io::Result<()> {
        let rest = self.pieces.rest();
        self.append_others(&rest)?;
        if let Files::Groups(groups, files) = std::mem::replace(&mut self.files, Files::Flows(HashMap::new())) {
            for (group, (file, flows)) in (0..).zip(files) {
                if let Some(at) = file {
                    self.end_file(at, None, Some((groups.name(group), flows)))?;
                }
            }
        }
        if let Some(at) = self.other.take() {
            self.end_file(at, None, None)?;
        }
        let done = self.store.done;
        (self.parted.files, self.parted.packets, self.parted.bytes) = (done.files, done.packets, done.bytes);
        self.parted.times_clamped = self.store.times_clamped;
        self.totals();
        self.json.finish(&mut self.index)?;
        self.framing.on_event(&Event::Summary(summary), &mut self.json, &mut self.index)?;
        io::Write::flush(&mut self.index)?;
        let index = self.folder.join(INDEX);
        let index = crate::output::style::clean(&index.display().to_string()).into_owned();
        let told = self.told(&index);
        self.list.end(&told, &index)
    }

    /// The record of the whole, in the index.
    fn totals(&mut self) {
        let (json, parted) = (&mut self.json, &self.parted);
        json.start("split");
        json.key("by");
        json.text(self.by.key());
        let numbers = [
            ("files", parted.files),
            ("packets_written", parted.packets),
            ("packets_in_two", parted.twice),
            ("packets_of_none", parted.others),
            ("bytes", parted.bytes),
            ("flows", parted.flows),
        ];
        for (key, number) in numbers {
            json.key(key);
            json.number(number);
        }
    }

    /// The line below the table.
    fn told(&self, index: &str) -> String {
        let Parted { files, packets, bytes, flows, others, twice, .. } = self.parted;
        let mut text = format!(
            "{} of {} in {} ({})",
            units::counted(packets - twice, "packet"),
            units::counted(flows, "conversation"),
            units::counted(files, "file"),
            units::bytes(bytes)
        );
        if twice > 0 {
            let of = if self.by == SplitBy::Finding {
                "copies in those of further findings"
            } else {
                "of them in those of both hosts"
            };
            let _ = write!(text, ", {} {of}", units::count(twice));
        }
        if others > 0 {
            let _ = write!(text, ", {} of none in {}", units::count(others), name::OTHER);
        }
        let _ = write!(text, "; index: {index}");
        text
    }
}

impl Sink for SplitSink {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Source { index, info } => {
                self.store.learn(*index, info);
                self.framing.on_event(event, &mut self.json, &mut self.index)?;
            }
            Event::Packet { frame, packet, note } => self.packet(frame, packet, note)?,
            Event::Flow(record) => self.end_of(record)?,
            Event::Summary(summary) => self.end(summary)?,
            _ => {}
        }
        Ok(Keep::Going)
    }

    /// Files are written when there is enough for them; of saved captures nobody waits for less.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
