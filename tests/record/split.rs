//! A saved capture cut into files: by size, by time, by both, compressed. Together they hold every packet once.

use crate::program::{capture, run, run_in, sockeye};
use crate::recorder::{files_in, names, others_read, others_read_all};
use std::fs;
use std::path::{Path, PathBuf};

/// Packets of files as one text each: time, length, and all bytes.
fn packets(files: &[PathBuf]) -> Vec<String> {
    let mut all = Vec::new();
    for file in files {
        let ran = run(sockeye().args(["packets", "--plain", "-tttt", "--nano", "-e", "-xx", "-q"]).arg(file));
        assert_eq!(ran.code(), Some(0), "{}: {}", file.display(), ran.stderr);
        let mut packet = String::new();
        for line in ran.stdout.lines() {
            if !line.starts_with('\t') && !packet.is_empty() {
                all.push(std::mem::take(&mut packet));
            }
            packet.push_str(line);
        }
        all.extend((!packet.is_empty()).then_some(packet));
    }
    all
}

fn in_file(file: &Path) -> usize {
    packets(&[file.to_owned()]).len()
}

/// Cuts the tour with these flags; the files hold all of it, in order, and others read them.
fn cut(flags: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let ran = run_in(folder.path(), &format!("capture -r {} {flags}", tour.display()));
    assert_eq!((ran.code(), ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""), "{flags}");
    let files = files_in(folder.path());
    assert!(packets(&files) == packets(&[tour]), "{flags}: not the same packets: {:?}", names(&files));
    others_read_all(&files, in_file);
    (folder, files)
}

#[test]
fn by_size_no_file_is_larger_and_no_packet_is_split() {
    for (name, more) in [("t.pcap", 0), ("t.pcapng", 300)] {
        let (_folder, files) = cut(&format!("-w {name} -C 20k"));
        assert!(files.len() > 8, "{files:?}");
        for pair in files.windows(2) {
            let size = fs::metadata(&pair[0]).expect("there").len();
            assert!(size <= (20 << 10) + more, "{} has {size} bytes", pair[0].display());
            // The first packet of the next would not have found room.
            let first = fs::metadata(&pair[1]).expect("there").len();
            assert!(size + first > 20 << 10, "{}", pair[0].display());
        }
    }
}

#[test]
fn a_packet_larger_than_the_size_has_a_file_of_its_own() {
    let (_folder, files) = cut("-w t.pcap -C 1k");
    let large: Vec<_> = files.iter().filter(|file| fs::metadata(file).expect("there").len() > 1 << 10).collect();
    assert!(!large.is_empty());
    assert!(large.iter().all(|file| in_file(file) == 1));
}

#[test]
fn names_have_a_number_and_the_time_of_the_first_packet() {
    let (_folder, files) = cut("-w t.pcapng -C 100k");
    assert_eq!(
        names(&files),
        ["t_00001_20261120231506.pcapng", "t_00002_20261120231508.pcapng", "t_00003_20261120231510.pcapng"]
    );
}

/// The tour lasts from 06.80 to 11.92; at 09.8 nothing but one packet a second is left.
#[test]
fn by_time_each_period_has_its_file_and_none_is_empty() {
    let (_folder, files) = cut("-w t-%H%M%S.pcap -G 1");
    let names = names(&files);
    assert_eq!(names.first().map(String::as_str), Some("t-231506.pcap"));
    assert!(files.len() <= 6 && files.iter().all(|file| in_file(file) > 0), "{names:?}");
    let start = 6.801_977_165;
    let mut periods: Vec<i64> = Vec::new();
    for file in &files {
        let ran = run(sockeye().args(["packets", "--format", "csv", "--fields", "ts"]).arg(file));
        let seconds = ran.stdout.lines().skip(1).map(|ts| ts[17..29].parse::<f64>().expect("seconds"));
        let of_file: Vec<i64> = seconds.map(|s| (s - start).floor() as i64).collect();
        assert!(of_file.iter().all(|period| *period == of_file[0]), "{}: {of_file:?}", file.display());
        periods.push(of_file[0]);
    }
    assert!(periods.windows(2).all(|two| two[0] < two[1]), "{periods:?}");
}

#[test]
fn by_both_whatever_comes_first_and_repeated_names_get_a_number() {
    let (_folder, files) = cut("-w t-%H%M%S.pcapng -G 1 -C 30k");
    let names = names(&files);
    assert!(names.contains(&"t-231508.pcapng".to_owned()) && names.contains(&"t-231508_00002.pcapng".to_owned()), "{names:?}");
    assert!(files.iter().all(|file| fs::metadata(file).expect("there").len() <= (30 << 10) + 300));
}

#[test]
fn merged_files_are_cut_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = ["refused.pcap", "tour.pcapng"].map(capture);
    let ran =
        run_in(folder.path(), &format!("capture -r {} -r {} -w m.pcapng -C 30k", sources[0].display(), sources[1].display()));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    let files = files_in(folder.path());
    assert_eq!(packets(&files).len(), packets(&sources).len());
    others_read_all(&files, in_file);
}

#[test]
fn compressed_files_hold_the_same_and_their_size_counts_before_compression() {
    let (plain_folder, plain) = cut("-w t.pcap -C 50k");
    let (_folder, packed) = cut("-w t.pcap.zst -C 50k");
    assert_eq!(packed.len(), plain.len());
    assert_eq!(names(&packed), names(&plain).iter().map(|name| format!("{name}.zst")).collect::<Vec<_>>());
    for (packed, plain) in packed.iter().zip(&plain) {
        let unpacked = zstd_of(packed);
        assert_eq!(unpacked, fs::read(plain).expect("read"), "{}", packed.display());
    }
    drop(plain_folder);
    // One file, too.
    let (_folder, one) = cut("-w whole.pcapng.zst");
    assert_eq!(names(&one), ["whole.pcapng.zst"]);
}

fn zstd_of(path: &Path) -> Vec<u8> {
    zstd::decode_all(fs::File::open(path).expect("open")).expect("good zstd")
}

#[test]
fn without_packets_there_is_one_good_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let tour = capture("tour.pcapng");
    let ran = run_in(folder.path(), &format!("capture -r {} -w none.pcapng -G 1 --packets 1000000-1000001", tour.display()));
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let files = files_in(folder.path());
    assert_eq!(files.len(), 1);
    others_read(&files[0], 0);
}
