//! How a live run goes by its source: what outputs are told when nothing more comes just now, and what is said of losses while it goes on.
//! The source is made up; no right is needed.

use sockeye::capture::{Input, Next, PacketSource, SourceError, SourceNotice};
use sockeye::engine::drops::Drops;
use sockeye::engine::run::{Progress, Watch};
use sockeye::engine::{Config, run};
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::filter::Filter;
use sockeye::model::{Frame, FrameMarks, LinkType, LiveBackend, SourceInfo, SourceKind, SourceStats, Timestamp};
use std::io;
use std::thread;
use std::time::Duration;

/// A steady trickle: each packet alone, 10 ms apart, never a pause of 100 ms. The kernel drops one beside each.
struct Trickle {
    info: SourceInfo,
    frames: u64,
    most: u64,
    drained: bool,
}

impl PacketSource for Trickle {
    fn next(&mut self) -> Result<Next<'_>, SourceError> {
        if !self.drained {
            self.drained = true;
            return Ok(Next::Drained);
        }
        if self.frames == self.most {
            return Ok(Next::End);
        }
        thread::sleep(Duration::from_millis(10));
        self.drained = false;
        self.frames += 1;
        Ok(Next::Frame(Frame {
            number: self.frames,
            source: 0,
            interface: 0,
            ts: Timestamp::default(),
            link: LinkType::RAW,
            wire_len: 4,
            bytes: &[0; 4],
            direction: None,
            options: None,
            marks: FrameMarks::NONE,
        }))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn stats(&mut self) -> SourceStats {
        let n = self.frames;
        SourceStats { frames: n, received: Some(2 * n), dropped_kernel: Some(n), ..SourceStats::default() }
    }
}

/// Keeps the kinds of events; has no room for every third packet.
#[derive(Default)]
struct Output {
    events: Vec<&'static str>,
    packets: u64,
    dropped: u64,
}

impl Sink for Output {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { .. } => {
                self.packets += 1;
                self.dropped += u64::from(self.packets.is_multiple_of(3));
                self.events.push("packet");
            }
            Event::Drained => self.events.push("drained"),
            Event::SourcesEnded => self.events.push("sources ended"),
            Event::Summary(_) => self.events.push("summary"),
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn records_dropped(&self) -> u64 {
        7
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Onlooker(Vec<Drops>);

impl Watch for Onlooker {
    fn on_progress(&mut self, _: &Progress) {}
    fn on_status(&mut self, _: &Progress, _: &RunSummary) {}
    fn on_notice(&mut self, _: SourceNotice, _: &SourceInfo, _: &Progress) {}
    fn on_drops(&mut self, drops: &Drops) {
        self.0.push(*drops);
    }
}

#[test]
fn a_trickle_is_handed_on_packet_by_packet_and_its_losses_are_told() {
    let info = SourceInfo::new("eth0", SourceKind::Live(LiveBackend::Ring));
    let source = Trickle { info, frames: 0, most: 150, drained: true };
    let (mut output, mut onlooker) = (Output::default(), Onlooker::default());
    let config = Config { live: true, ..Config::default() };
    let ended = run(&mut Input::live(Box::new(source)), Filter::everything(), config, &mut output, &mut onlooker);
    let expected = [["packet", "drained"].repeat(150), vec!["sources ended", "summary"]].concat();
    assert_eq!(output.events, expected);
    let [first, ..] = onlooker.0[..] else { panic!("1.5 seconds, and nothing was said") };
    assert!((1..150).contains(&first.kernel), "while it goes on: {first:?}");
    assert_eq!((first.received, first.here, first.records), (2 * first.kernel, first.kernel / 3, 7));
    let summary = ended.summary;
    assert_eq!((summary.dropped_here, summary.records_dropped, summary.shown()), (50, 7, 100));
}
