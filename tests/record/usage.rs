//! What is refused before anything is written.

use crate::program::{capture, run_in};
use crate::recorder::files_in;

#[test]
fn what_cannot_be_meant_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("dir")).expect("made");
    let tour = capture("tour.pcapng");
    for (flags, message) in [
        ("-w - -C 1", "-C writes several files, and -w - is one stream; name a file"),
        ("-w - -G 1", "-G writes several files, and -w - is one stream; name a file"),
        ("-w /dev/null -C 1", "-C writes several files, and /dev/null is no file"),
        ("-w dir -C 1", "-C writes several files, and dir is no file"),
        ("-w t.pcap -W 3", "-W keeps the newest of several files: say when one ends, with -C or -G"),
        ("-w t.pcap --keep-bytes 1g", "--keep-bytes keeps the newest of several files: say when one ends, with -C or -G"),
        ("-w t.pcap -C 1 --force", "-C gives each file a name of its own, so --force has nothing to overwrite"),
        ("-w t.pcap -C 1x", "-C: \"1x\" is no size; write 100m, 2g or 512k"),
        ("-w t.pcap -C 0", "-C: \"0\" is no size; write 100m, 2g or 512k"),
        ("-w t.pcap -C 1 --keep-bytes 1.5g", "--keep-bytes: \"1.5g\" is no size; write 100m, 2g or 512k; no fractions"),
        ("-w t.pcap -C 100k --keep-bytes 50k", "--keep-bytes is less than one file of -C; give it room for two at least"),
        ("-w t.pcap -G 0.000000001", "-G: \"0.000000001\" is less than a millisecond"),
        ("-w t.pcap -G 0", "-G: \"0\" is no length of time; write 30s, 5m, 1h or 500ms"),
        (
            "-w 100%.pcap -C 1",
            "100%.pcap: a % in the name of a rotated file begins a part of the time, as in strftime(3); %% is a percent sign",
        ),
        (
            "-w t.pcap -z no-such-program",
            "-z: no command \"no-such-program\"\n  a program's name or path, without arguments; it gets the file as its only argument",
        ),
        ("-w - -z gzip", "-z gzip runs for each complete file, and -w - is none; name a file"),
        ("-w t.pcap.gz", "t.pcap.gz: sockeye compresses captures with zstd (.zst); write to - and compress that"),
    ] {
        let ran = run_in(folder.path(), &format!("capture -r {} {flags}", tour.display()));
        let told = format!("sockeye: {message}\n");
        assert_eq!((ran.code(), ran.stdout.as_str(), ran.stderr.as_str()), (Some(2), "", told.as_str()), "{flags}");
    }
    let ran = run_in(folder.path(), &format!("packets -r {} --count -w t.pcap", tour.display()));
    let told = "sockeye: --count prints one number, and -w writes the packets: leave one out\n";
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(2), told));
    for flags in ["-C 1", "-G 1", "-W 1", "--keep-bytes 1", "-z gzip"] {
        let ran = run_in(folder.path(), &format!("packets -r {} {flags}", tour.display()));
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(2), ""), "{flags} without -w");
    }
    assert_eq!(files_in(folder.path()), Vec::<std::path::PathBuf>::new());
}
