//! The first and the last record of every `--format jsonl`: `capture` says what the records come from, `end` that
//! they are complete and what was lost. Without an `end` the output was cut off.

use super::json::JsonLine;
use super::notices::reason_words;
use crate::event::{Event, RunSummary, SourceSummary};
use crate::model::{FileFormat, InterfaceInfo, LiveBackend, SourceInfo, SourceKind};
use std::io::{self, Write};

/// Writes the records that frame the others.
#[derive(Debug, Default)]
pub(super) struct Framing {
    filter: Option<String>,
    /// Interfaces told of each source.
    told: Vec<Option<usize>>,
}

impl Framing {
    /// `filter` is the capture filter of this run.
    pub(super) fn new(filter: Option<String>) -> Self {
        Self { filter, told: Vec::new() }
    }

    /// Writes `capture` for a source that is new or has new interfaces, `end` when the run is over.
    pub(super) fn on_event(&mut self, event: &Event<'_>, json: &mut JsonLine, out: &mut impl Write) -> io::Result<()> {
        match event {
            Event::Source { index, info } => self.source(*index, info, json, out),
            Event::Summary(summary) => {
                // A run that ended before its sources spoke still has a first line.
                for (index, source) in (0..).zip(&summary.sources) {
                    self.source(index, &source.info, json, out)?;
                }
                end(summary, json);
                json.finish(out)
            }
            _ => Ok(()),
        }
    }

    fn source(&mut self, index: u16, info: &SourceInfo, json: &mut JsonLine, out: &mut impl Write) -> io::Result<()> {
        let slot = usize::from(index);
        if self.told.len() <= slot {
            self.told.resize(slot + 1, None);
        }
        if self.told[slot] == Some(info.interfaces.len()) {
            return Ok(());
        }
        self.told[slot] = Some(info.interfaces.len());
        capture(index, info, self.filter.as_deref(), json);
        json.finish(out)
    }
}

fn capture(index: u16, info: &SourceInfo, filter: Option<&str>, json: &mut JsonLine) {
    json.start("capture");
    json.key("sockeye");
    json.text(env!("CARGO_PKG_VERSION"));
    json.key("file");
    json.number(u64::from(index) + 1);
    json.key("name");
    json.text(&info.name);
    json.key("format");
    json.text(match info.kind {
        SourceKind::File(FileFormat::Pcap { .. }) => "pcap",
        SourceKind::File(FileFormat::PcapNg) => "pcapng",
        SourceKind::Live(LiveBackend::Ring) => "live ring",
        SourceKind::Live(LiveBackend::Libpcap) => "live libpcap",
        SourceKind::Live(LiveBackend::Pnet) => "live raw socket",
    });
    json.key("filter");
    json.maybe_text(filter);
    json.key("interfaces");
    json.open_list();
    for interface in &info.interfaces {
        describe(interface, json);
    }
    json.close_list();
    json.key("comments");
    json.open_list();
    for comment in &info.notes.comments {
        json.text(comment);
    }
    json.close_list();
}

fn describe(interface: &InterfaceInfo, json: &mut JsonLine) {
    json.open();
    json.key("name");
    json.maybe_text(interface.name.as_deref());
    json.key("description");
    json.maybe_text(interface.description.as_deref());
    json.key("link_type");
    json.maybe(interface.link.map(|l| u64::from(l.0)));
    json.key("link");
    json.maybe_text(interface.link.and_then(crate::model::LinkType::name));
    json.key("snaplen");
    json.maybe(interface.snaplen.map(u64::from));
    json.key("ticks_per_second");
    json.maybe(interface.ticks_per_second);
    json.close();
}

fn end(summary: &RunSummary, json: &mut JsonLine) {
    json.start("end");
    for (key, n) in [("packets_read", summary.read), ("packets", summary.matched), ("wire_bytes", summary.wire_bytes)] {
        json.key(key);
        json.number(n);
    }
    for (key, ts) in [("start", summary.time.map(|t| t.0)), ("end", summary.time.map(|t| t.1))] {
        json.key(key);
        json.or_null(ts, JsonLine::time);
    }
    let flows = [
        ("flows", summary.flows),
        ("flows_evicted", summary.evicted),
        ("flows_closed_early", summary.closed_early),
        ("flows_incomplete", summary.without_room),
    ];
    for (key, n) in flows {
        json.key(key);
        json.number(n);
    }
    json.key("packets_cut");
    json.number(summary.sources.iter().map(|s| s.cut_frames).fold(0, u64::saturating_add));
    json.key("not_understood");
    json.open_list();
    for (reason, n) in &summary.not_understood {
        json.open();
        json.key("reason");
        json.text(&reason_words(reason));
        json.key("packets");
        json.number(*n);
        json.close();
    }
    if summary.not_understood_otherwise > 0 {
        json.open();
        json.key("reason");
        json.text("other reasons");
        json.key("packets");
        json.number(summary.not_understood_otherwise);
        json.close();
    }
    json.close_list();
    json.key("fragments_incomplete");
    json.number(summary.fragments_lost.0);
    json.key("fragments_dropped");
    json.number(summary.fragments_lost.1);
    json.key("fragments_cut");
    json.number(summary.fragments_unfit.0);
    json.key("fragments_malformed");
    json.number(summary.fragments_unfit.1);
    json.key("dropped_sockeye");
    json.number(summary.dropped_here);
    json.key("records_dropped");
    json.number(summary.records_dropped);
    json.key("packets_misplaced");
    json.number(summary.misplaced);
    json.key("sources");
    json.open_list();
    for (index, source) in (1..).zip(&summary.sources) {
        source_end(index, source, json);
    }
    json.close_list();
}

fn source_end(file: u64, source: &SourceSummary, json: &mut JsonLine) {
    json.open();
    json.key("file");
    json.number(file);
    json.key("name");
    json.text(&source.info.name);
    json.key("packets_read");
    json.number(source.stats.frames);
    json.key("packets_cut");
    json.number(source.cut_frames);
    let stats = &source.stats;
    for (key, n) in [
        ("received", stats.received),
        ("dropped_kernel", stats.dropped_kernel),
        ("dropped_interface", stats.dropped_interface),
        ("duplicates", stats.duplicates),
        // Linux does not count what a socket filter turns away.
        ("rejected_kernel", None),
        ("freezes", stats.freezes),
        ("unread", stats.unread),
    ] {
        json.key(key);
        json.maybe(n);
    }
    json.key("problem");
    json.maybe_text(source.problem.as_deref());
    json.key("warnings");
    json.open_list();
    for warning in &source.info.warnings {
        json.text(warning);
    }
    json.close_list();
    json.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixture::totals;

    #[test]
    fn a_source_is_told_once_and_again_when_it_has_more_interfaces() {
        let mut framing = Framing::new(Some("tcp".into()));
        let mut json = JsonLine::default();
        let mut out = Vec::new();
        let summary = totals();
        let mut info = summary.sources[0].info.clone();
        for event in [Event::Source { index: 0, info: &info }, Event::Source { index: 0, info: &info }] {
            framing.on_event(&event, &mut json, &mut out).unwrap();
        }
        info.interfaces.push(InterfaceInfo { name: Some("eth\u{1b}0".into()), ..InterfaceInfo::default() });
        framing.on_event(&Event::Source { index: 0, info: &info }, &mut json, &mut out).unwrap();
        let mut summary = summary;
        summary.sources[0].info = info;
        framing.on_event(&Event::Summary(&summary), &mut json, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["type"].as_str().unwrap()).collect::<Vec<_>>(), ["capture", "capture", "end"]);
        assert_eq!(lines[0]["interfaces"][0]["link_type"], 101);
        assert_eq!(lines[1]["interfaces"][1]["name"], "eth\u{1b}0");
        assert_eq!(lines[1]["filter"], "tcp");
        assert_eq!(lines[2]["packets"], 1951);
        assert_eq!(lines[2]["end"], "2026-11-20T21:11:35.907936000Z");
        assert!(lines[2]["sources"][0]["dropped_kernel"].is_null(), "not recorded is not 0");
        for key in ["duplicates", "rejected_kernel", "freezes", "unread"] {
            assert!(lines[2]["sources"][0][key].is_null(), "{key}");
        }
        assert_eq!((&lines[2]["dropped_sockeye"], &lines[2]["records_dropped"]), (&0.into(), &0.into()));
    }

    #[test]
    fn a_run_that_never_began_has_both_lines() {
        let mut out = Vec::new();
        Framing::default().on_event(&Event::Summary(&totals()), &mut JsonLine::default(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
    }
}
