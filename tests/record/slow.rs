//! A disk that is slower than the packets: live nothing waits for it, and what found no room is counted.

use sockeye::capture::file::{self, OpenOptions};
use sockeye::capture::{Next, PacketSource};
use sockeye::event::Sink;
use sockeye::model::{
    FileFormat, Frame, FrameMarks, InterfaceInfo, LinkType, LiveBackend, SourceInfo, SourceKind, SourceStats, Timestamp,
};
use sockeye::output::pcap::{PcapConfig, PcapWriter};
use sockeye::output::queue::WhenFull;
use std::process::Command;
use std::sync::mpsc::channel;

/// A FIFO whose reader reads nothing until all is sent: the slowest disk there is.
#[test]
fn what_finds_no_room_is_left_out_and_counted_and_the_rest_arrives() {
    const SENT: u64 = 120_000;
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let (go, wait) = channel();
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || {
            let mut source = file::open(&fifo, &OpenOptions::default()).expect("a capture");
            wait.recv().expect("told");
            let (mut frames, mut lost) = (0_u64, 0);
            loop {
                match source.next() {
                    Ok(Next::Frame(frame)) => {
                        frames += 1;
                        lost += frame.marks.dropped_before;
                    }
                    Ok(Next::End) => break,
                    Ok(_) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            (frames, lost, source.info().interfaces[0].counter_comments.clone(), source.stats())
        }
    });
    let config = PcapConfig {
        when_full: WhenFull::Refuse,
        start: Timestamp::from_parts(1_700_000_000, 0),
        ..PcapConfig::new(FileFormat::PcapNg)
    };
    let mut writer = PcapWriter::create(&fifo, &config).expect("opened");
    let mut info = SourceInfo::new("eth0", SourceKind::Live(LiveBackend::Libpcap));
    info.interfaces.push(InterfaceInfo { link: Some(LinkType::ETHERNET), ..InterfaceInfo::default() });
    writer.source(0, &info);
    let bytes = [7; 1000];
    let frame = |number: u64| Frame {
        number,
        source: 0,
        interface: 0,
        ts: Timestamp::from_parts(1_700_000_000, number as i64),
        link: LinkType::ETHERNET,
        wire_len: 1000,
        bytes: &bytes,
        direction: None,
        options: None,
        marks: FrameMarks::NONE,
    };
    for number in 1..=SENT {
        writer.write(&frame(number)).expect("nothing fails");
    }
    let dropped = writer.dropped();
    assert!(dropped > 0, "120 MB are more than what may wait");
    assert!(writer.packets() > 50_000, "what may wait is more than that");
    assert_eq!(writer.packets() + dropped, SENT);
    go.send(()).expect("it waits");
    // When there is room again, the next packet names those that are missing before it.
    let (mut sent, taken) = (SENT, writer.packets());
    while writer.packets() < taken + 10 {
        sent += 1;
        writer.write(&frame(sent)).expect("nothing fails");
    }
    let dropped = writer.dropped();
    let stats = SourceStats { frames: sent, received: Some(sent), dropped_kernel: Some(0), ..SourceStats::default() };
    writer.count(0, &info, &stats);
    let written = writer.finish().expect("all is read");
    let (frames, lost, comments, stats) = reader.join().expect("read");
    assert_eq!((frames, written.packets), (sent - dropped, sent - dropped));
    assert_eq!(lost, dropped);
    assert_eq!(stats.received, Some(sent));
    assert_eq!(comments, [format!("{dropped} packets were left out here: they came faster than they could be written")]);
}
