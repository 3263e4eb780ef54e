//! Several files in one run.

use crate::made::{Kept, LITTLE};
use sockeye::capture::file::{FileSource, OpenOptions};
use sockeye::capture::{Input, Next, PacketSource, SourceError};
use std::io::Cursor;
use std::path::PathBuf;

/// A file with packets at these seconds, the length of each being `mark`.
fn at(seconds: &[u32], mark: u32) -> Vec<u8> {
    let mut out = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 101);
    for &s in seconds {
        out.extend(LITTLE.pcap_record([s, 0, mark, mark], &[], &vec![mark as u8; mark as usize]));
    }
    out
}

fn source(bytes: Vec<u8>) -> FileSource {
    FileSource::from_reader(Cursor::new(bytes), "made", &OpenOptions::default()).unwrap()
}

/// Source, number and seconds of a frame.
type Place = (u16, u64, i64);

/// All frames, and the sources that failed.
fn drain(input: &mut Input) -> (Vec<Place>, Vec<(u16, SourceError)>) {
    let (mut order, mut failed) = (Vec::new(), Vec::new());
    loop {
        match input.next() {
            Ok(Next::Frame(f)) => {
                assert!(f.bytes.iter().all(|&b| usize::from(b) == f.bytes.len()), "the bytes are the frame's own");
                order.push((f.source, f.number, f.ts.seconds()));
            }
            Ok(Next::End) => return (order, failed),
            Ok(_) => {}
            Err(f) => failed.push((f.source_index, f.error)),
        }
    }
}

#[test]
fn frames_come_in_time_order_and_ties_in_file_order() {
    let files = [at(&[1, 5, 5, 9], 10), at(&[], 11), at(&[2, 5, 7], 12), at(&[5], 13)];
    let mut input = Input::files(files.into_iter().map(source).collect()).unwrap();
    let (order, failed) = drain(&mut input);
    assert!(failed.is_empty());
    assert_eq!(order, [(0, 1, 1), (2, 1, 2), (0, 2, 5), (0, 3, 5), (2, 2, 5), (3, 1, 5), (2, 3, 7), (0, 4, 9)]);
    assert_eq!((input.sources(), input.infos().count()), (4, 4));
    assert_eq!((0..4).map(|i| input.stats(i).unwrap().frames).collect::<Vec<_>>(), [4, 0, 3, 1]);
    assert!(input.stats(4).is_none() && matches!(input.next(), Ok(Next::End)));
}

#[test]
fn a_file_whose_time_runs_backwards_keeps_its_order() {
    let mut input = Input::files(vec![source(at(&[5, 1, 9], 10)), source(at(&[4, 6], 11))]).unwrap();
    assert_eq!(drain(&mut input).0, [(1, 1, 4), (0, 1, 5), (0, 2, 1), (1, 2, 6), (0, 3, 9)]);
}

#[test]
fn one_damaged_file_does_not_end_the_others() {
    let mut cut = at(&[2, 4], 20);
    cut.truncate(cut.len() - 5);
    let mut input = Input::files(vec![source(at(&[1, 3, 6], 10)), source(cut), source(at(&[5], 12))]).unwrap();
    let (order, failed) = drain(&mut input);
    assert_eq!(order, [(0, 1, 1), (1, 1, 2), (0, 2, 3), (2, 1, 5), (0, 3, 6)]);
    assert_eq!(failed.len(), 1);
    assert!(matches!(&failed[0], (1, SourceError::Damaged { frames: 1, .. })));
}

#[test]
fn every_source_says_when_it_grows() {
    let late = |link: u16, ticks: u64| {
        [
            LITTLE.section(&[]),
            LITTLE.interface(1, 0, &[]),
            LITTLE.packet(0, ticks, 4, &[4; 4], &[]),
            LITTLE.interface(link, 0, &[]),
            LITTLE.packet(1, ticks + 10, 4, &[4; 4], &[]),
        ]
        .concat()
    };
    let mut input = Input::files(vec![source(late(101, 1)), source(late(276, 2))]).unwrap();
    let mut told = Vec::new();
    loop {
        let (changed, frame) = match input.next().unwrap() {
            Next::Changed(i) => (Some(i), None),
            Next::Frame(f) => (None, Some(Kept::of(&f))),
            _ => break,
        };
        told.extend(changed);
        if let Some(frame) = frame.filter(|f| f.interface == 1) {
            let source = u16::from(frame.link.0 == 276);
            assert!(told.contains(&source), "interface 1 of source {source} was announced");
            assert_eq!(input.info(source).unwrap().interfaces[1].link, Some(frame.link));
        }
    }
    told.sort_unstable();
    assert_eq!(told, [0, 1]);
}

#[test]
fn small_files_read_whole_keep_no_descriptor_open() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..200)
        .map(|i| {
            let path = folder.path().join(format!("{i}.pcap"));
            std::fs::write(&path, at(&[i], 10)).unwrap();
            path
        })
        .collect();
    let open = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = open();
    let mut input = Input::open(&paths, &OpenOptions::default()).unwrap();
    // Other tests open files at the same time, but not 100 of them.
    assert!(open() < before + 100, "{} descriptors more", open() - before);
    let size = at(&[1], 10).len() as u64 * 200;
    assert_eq!(input.progress(), (size, Some(size)));
    let (order, _) = drain(&mut input);
    assert!(order.len() == 200 && order.is_sorted_by_key(|f| f.2));
}

#[test]
fn the_first_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.pcap");
    std::fs::write(&good, at(&[1], 10)).unwrap();
    let error = Input::open(&[good, folder.path().join("missing.pcap")], &OpenOptions::default()).err();
    assert!(matches!(error, Some(SourceError::Io { name, .. }) if name.ends_with("missing.pcap")));
}

/// One file alone goes a shorter way than one of several, and can say what will come.
#[test]
fn one_file_gives_what_it_gives_by_itself_and_what_it_announces_comes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let (mut announced, mut all) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|e| e == "pcap" || e == "pcapng") {
            continue;
        }
        // So small a buffer is filled many times.
        let options = OpenOptions { buffer: 1024, ..OpenOptions::default() };
        let open = || {
            let bytes = std::io::Cursor::new(std::fs::read(&path).unwrap());
            FileSource::from_reader(bytes, "test", &options).unwrap()
        };
        let (mut alone, mut frames) = (open(), Vec::new());
        loop {
            match alone.next().unwrap() {
                Next::Frame(frame) => frames.push((format!("{frame:?}"), frame.bytes.to_vec())),
                Next::End => break,
                _ => {}
            }
        }
        let (mut input, mut read, mut ahead) = (Input::files(vec![open()]).unwrap(), Vec::new(), Vec::new());
        loop {
            while let Some((number, _, bytes)) = input.scout(5) {
                ahead.push((number, bytes.to_vec()));
            }
            match input.next().unwrap() {
                Next::Frame(frame) => read.push((format!("{frame:?}"), frame.bytes.to_vec())),
                Next::End => break,
                _ => {}
            }
        }
        assert_eq!(read, frames, "{}", path.display());
        assert!(ahead.is_sorted_by(|a, b| a.0 < b.0), "{}", path.display());
        let comes = |(number, bytes): &(u64, Vec<u8>)| frames.get(*number as usize - 1).is_some_and(|frame| frame.1 == *bytes);
        assert!(ahead.iter().all(comes), "{}", path.display());
        announced += ahead.len();
        all += frames.len();
    }
    assert!(announced > all / 2, "{announced} of {all}");
}
