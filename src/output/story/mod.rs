//! `sockeye explain`: a conversation told packet by packet, in words. What is claimed is worked out in [`crate::story`]; here are the
//! words (`words`), the lines of packets (`page`), and the forms: text, Markdown, records.

mod causes;
mod first;
mod foot;
mod page;
mod quiz;
mod records;
mod words;

pub(super) use self::page::{headline, packets, segment_name};
pub(super) use self::words::reported;
use super::choice::{Candidates, Why};
use super::gathered::Gathered;
use super::style::Style;
use crate::decode::TcpFlags;
use crate::event::{Event, Keep, Sink};
use crate::flow::FlowId;
use crate::model::SourceKind;
use crate::story::{Host, Step, Story, SynSeen, TraceError, read_trace, settle, tell};
use std::io::{self, Write};

/// Packets of saved files that are read behind the end of a conversation, to find another that contrasts with it.
const BEHIND: u64 = 200_000;
/// SYNs that are kept beside a trace.
const MOST_SYNS: usize = 100_000;

/// How much a reader is taken to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No states, no sums, no words of RFCs.
    First,
    /// As for a course on networking.
    #[default]
    Course,
    /// Options byte by byte, and where it is written.
    Deep,
}

/// How to tell a story.
#[derive(Clone, Debug, Default)]
pub struct StoryConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// For whom.
    pub level: Level,
    /// Only what one host does and sees.
    pub only: Option<Host>,
    /// Answers at the end.
    pub quiz: bool,
    /// As records, a claim each.
    pub records: bool,
    /// Real numbers beside relative ones (`-v`).
    pub verbose: bool,
    /// What strace wrote of one side's program.
    pub trace: Option<String>,
    /// As Markdown.
    pub markdown: bool,
    /// The source and filter as they are repeated in proposed commands.
    pub source: String,
    /// Why this conversation, where nobody named it.
    pub why: Option<Why>,
}

/// Gathers one conversation and tells it at the end.
#[derive(Debug)]
pub struct StorySink<W> {
    out: W,
    config: StoryConfig,
    gathered: Gathered,
    /// What else there is in the capture.
    others: Candidates,
    /// Packets that may still pass while others are looked for.
    left: u64,
    refused: Option<TraceError>,
    /// SYNs of all connections, where a trace has to be found its own.
    syns: Vec<SynSeen>,
}

impl<W: Write> StorySink<W> {
    /// The story of `of`, written to `out`. `most`: packets that are kept of it.
    pub fn new(out: W, of: FlowId, most: usize, config: StoryConfig) -> Self {
        let left = if config.source.is_empty() { 0 } else { BEHIND };
        Self {
            out,
            config,
            gathered: Gathered::new(of, most),
            others: Candidates::default(),
            left,
            refused: None,
            syns: Vec::new(),
        }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Why the trace could not be used, if it could not.
    #[must_use]
    pub const fn refused_trace(&self) -> Option<TraceError> {
        self.refused
    }

    /// Was there such a conversation?
    #[must_use]
    pub const fn found(&self) -> bool {
        self.gathered.record.is_some()
    }
}

impl<W: Write> StorySink<W> {
    fn write(&mut self) -> io::Result<()> {
        let Some(record) = &self.gathered.record else { return Ok(()) };
        let mut story: Story = tell(&self.gathered.steps, record);
        let list: Vec<&Step> = self.gathered.steps.iter().collect();
        if let Some(text) = &self.config.trace {
            match read_trace(text, record, &list, &self.syns) {
                Ok(trace) => settle(&mut story, &list, &trace),
                Err(error) => self.refused = Some(error),
            }
        }
        let page = page::Page::new(&self.config, &story, &list, record, self.gathered.several, self.others.contrast(record));
        if self.config.records {
            return records::write(
                &mut self.out,
                &story,
                page.telling(),
                record,
                self.config.why.as_ref().map(|why| why.because.as_str()),
            );
        }
        page.write(&mut self.out)
    }
}

impl<W: Write> Sink for StorySink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Summary(_) = event {
            self.write()?;
            self.out.flush()?;
        }
        if let Event::Packet { frame, packet, .. } = event
            && self.config.trace.is_some()
            && self.syns.len() < MOST_SYNS
            && packet.tcp().is_some_and(|header| header.flags().0 & (TcpFlags::SYN | TcpFlags::ACK).0 == TcpFlags::SYN.0)
            && let Some((from, to)) = packet.endpoints()
        {
            self.syns.push(SynSeen { ts: frame.ts, from, to });
        }
        match event {
            Event::Source { info, .. } if matches!(info.kind, SourceKind::Live(_)) => self.left = 0,
            Event::Flow(record) => self.others.take(record),
            Event::Packet { .. } if self.found() => self.left = self.left.saturating_sub(1),
            _ => {}
        }
        self.gathered.on_event(event);
        Ok(if self.found() && self.left == 0 { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
