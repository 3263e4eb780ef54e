//! The server by itself, in a thread, asked by a client that may be hostile.

use super::super::allowed::{Folder, Names, Rule};
use super::super::client::{Helper, OpenError};
use super::*;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::mpsc;
use tempfile::TempDir;

struct Noted(mpsc::Sender<PathBuf>);

impl Commands for Noted {
    fn finished(&self, path: &Path) {
        self.0.send(path.to_owned()).unwrap();
    }

    fn busy(&self, path: &Path) -> bool {
        path.ends_with("trace-busy")
    }

    fn settle(&self, patience: Option<Duration>) -> Result<Vec<String>, u64> {
        if patience.is_some() {
            return Err(7);
        }
        Ok((0..150).map(|n| format!("failure {n}: {}", "ö".repeat(1000))).collect())
    }

    fn stop(&self) {}
}

/// A folder in which `out.pcap`, `forced.pcap` (force) and `trace…` may be written, in it one for `….pcap`, and the noted
/// finished files.
struct World {
    folder: TempDir,
    finished: mpsc::Receiver<PathBuf>,
}

fn world() -> (World, Channel) {
    let folder = tempfile::tempdir().unwrap();
    let one = |name: &str, force| Rule { names: Names::One(name.into()), force };
    let series = Names::Series { start: "trace".into(), end: OsString::new(), others: OsString::new() };
    let dated = Names::Series { start: OsString::new(), end: ".pcap".into(), others: " é".into() };
    let rules = vec![one("out.pcap", false), one("forced.pcap", true), Rule { names: series, force: false }];
    let mut folders = vec![Folder { path: folder.path().to_owned(), rules, make: false }];
    fs::create_dir(folder.path().join("dated")).unwrap();
    folders.push(Folder { path: folder.path().join("dated"), rules: vec![Rule { names: dated, force: false }], make: false });
    let (ours, theirs) = Channel::pair().unwrap();
    let (sender, finished) = mpsc::channel();
    thread::spawn(move || {
        let commands: Shared = Arc::new(Some(Box::new(Noted(sender))));
        serve(&theirs, Allowed::open(folders), &commands);
    });
    (World { folder, finished }, ours)
}

fn client() -> (World, Helper) {
    let (world, channel) = world();
    let helper = Helper::new(channel, vec![world.path(""), world.path("dated")], 0);
    (world, helper)
}

impl World {
    fn list(&self) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort_unstable();
        names
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.folder.path().to_owned() } else { self.folder.path().join(name) }
    }
}

/// The reply to raw bytes, and whether a descriptor came with it.
fn raw(channel: &Channel, bytes: &[u8]) -> (Vec<u8>, bool) {
    channel.send(bytes).unwrap();
    let mut room = [0; LONGEST];
    let (came, fd) = channel.receive_with(&mut room).unwrap();
    let Came::Message(reply) = came else { panic!("{came:?}") };
    (reply.to_vec(), fd.is_some())
}

#[test]
fn a_file_is_made_written_renamed_and_removed() {
    let (world, helper) = client();
    let (part, whole) = (world.path("trace_1.part"), world.path("trace_1"));
    let mut opened = helper.open(&part, false).unwrap();
    assert!(opened.new);
    opened.file.write_all(b"packets").unwrap();
    helper.rename(&part, &whole).unwrap();
    assert_eq!(fs::read(&whole).unwrap(), b"packets");
    helper.finished(&whole).unwrap();
    assert_eq!(world.finished.recv().unwrap(), whole);
    helper.remove(&whole).unwrap();
    assert!(!whole.exists());
    assert_eq!(helper.remove(&whole).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_is_not_removed_while_something_is_done_with_it() {
    let (world, helper) = client();
    let (busy, idle) = (world.path("trace-busy"), world.path("trace-idle"));
    for path in [&busy, &idle] {
        drop(helper.open(path, false).unwrap());
    }
    assert!(!helper.remove(&busy).unwrap());
    assert!(helper.remove(&idle).unwrap());
    assert_eq!(world.list(), ["dated", "trace-busy"].map(OsString::from));
}

#[test]
fn what_exists_is_told_and_stays() {
    let (world, helper) = client();
    fs::write(world.path("out.pcap"), "old").unwrap();
    // Force is not the asker's to decide.
    let Err(OpenError::Exists(existing)) = helper.open(&world.path("out.pcap"), true) else { panic!() };
    assert_eq!(existing.size, 3);
    assert!(existing.modified.0 > 0);
    fs::write(world.path("forced.pcap"), "old").unwrap();
    assert!(matches!(helper.open(&world.path("forced.pcap"), false), Err(OpenError::Exists(_))));
    let mut opened = helper.open(&world.path("forced.pcap"), true).unwrap();
    assert!(!opened.new);
    assert_eq!(fs::read(world.path("forced.pcap")).unwrap(), b"old", "emptied by whoever asked, not before");
    opened.file.write_all(b"new").unwrap();
    assert_eq!(fs::read(world.path("forced.pcap")).unwrap(), b"new");
}

#[test]
fn a_name_that_is_taken_is_not_replaced() {
    let (world, helper) = client();
    helper.open(&world.path("trace.part"), false).unwrap();
    fs::write(world.path("trace.1"), "old").unwrap();
    let error = helper.rename(&world.path("trace.part"), &world.path("trace.1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(world.path("trace.1")).unwrap(), b"old");
}

#[test]
fn names_that_were_not_allowed_are_refused() {
    let (world, helper) = client();
    let denied = |result: Result<_, OpenError>| match result {
        Err(OpenError::Failed(error)) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        other => panic!("{other:?}"),
    };
    denied(helper.open(&world.path("other.pcap"), true));
    denied(helper.open(&world.path("out.pcap.exe"), true));
    denied(helper.open(Path::new("/tmp/out.pcap"), true));
    denied(helper.open(&world.path("trace/../../x"), true));
    for bad in [".bashrc", "pcap", ".pcap.part.sh", "a.pcap.par", "$(id).pcap", "a\nb.pcap", "`id`.pcap", "a;b.pcap", "\x1b.pcap"]
    {
        denied(helper.open(&world.path("dated").join(bad), true));
    }
    denied(helper.open(&world.path("trace$(id)"), true));
    denied(helper.open(&world.path("trace 1"), true));
    let long = world.path(&"x".repeat(256));
    assert!(matches!(helper.open(&long, true), Err(OpenError::Failed(e)) if e.raw_os_error() == Some(libc::ENAMETOOLONG)));
    assert_eq!(world.list(), ["dated"]);
    assert!(fs::read_dir(world.path("dated")).unwrap().next().is_none());
    for good in ["12.pcap", "12.pcap.part", "2026-11-21T07:00:00+01:00_00002.pcap", "Sat é 7.pcap"] {
        assert!(helper.open(&world.path("dated").join(good), false).unwrap().new);
    }
}

#[test]
fn only_what_was_made_here_is_renamed_removed_or_given_to_commands() {
    let (world, helper) = client();
    let old = world.path("trace_old");
    fs::write(&old, "old").unwrap();
    for error in [
        helper.remove(&old).unwrap_err(),
        helper.rename(&old, &world.path("trace_new")).unwrap_err(),
        helper.finished(&old).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    // A name made here that means another file by now is nobody's.
    let mine = world.path("trace_mine");
    helper.open(&mine, false).unwrap();
    fs::remove_file(&mine).unwrap();
    fs::rename(&old, &mine).unwrap();
    assert_eq!(helper.remove(&mine).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(helper.finished(&mine).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read(&mine).unwrap(), b"old");
    assert!(world.finished.try_recv().is_err());
}

#[test]
fn links_planted_in_the_folder_lead_nowhere() {
    let (world, helper) = client();
    let elsewhere = tempfile::tempdir().unwrap();
    let (victim, absent) = (elsewhere.path().join("victim"), elsewhere.path().join("absent"));
    fs::write(&victim, "kept").unwrap();
    symlink(&victim, world.path("trace_a")).unwrap();
    symlink(&absent, world.path("trace_b")).unwrap();
    symlink(&absent, world.path("out.pcap")).unwrap();
    for name in ["trace_a", "trace_b"] {
        let error = helper.open(&world.path(name), true).unwrap_err();
        assert!(matches!(&error, OpenError::Exists(_)), "{error:?}");
    }
    let error = helper.open(&world.path("out.pcap"), false).unwrap_err();
    assert!(matches!(&error, OpenError::Failed(e) if e.kind() == ErrorKind::AlreadyExists), "{error:?}");
    assert!(!absent.exists());
    // The folder itself swapped for a link: neither where it leads nor where the folder is now is anything made.
    let (old, away) = (world.path(""), elsewhere.path().join("away"));
    fs::rename(&old, &away).unwrap();
    symlink(elsewhere.path(), &old).unwrap();
    let error = helper.open(&old.join("trace_c"), false).unwrap_err();
    assert!(matches!(&error, OpenError::Failed(e) if e.kind() == ErrorKind::NotFound), "{error:?}");
    assert!(!away.join("trace_c").exists() && !elsewhere.path().join("trace_c").exists());
    fs::remove_file(&old).unwrap();
    fs::rename(&away, &old).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
}

#[test]
fn a_hostile_asker_gets_refusals_and_no_descriptor() {
    let (world, channel) = world();
    let open = |name: &[u8]| [&[1, 0, 0, 1][..], name].concat();
    let refused = Reply::Refused.encode();
    for bytes in [
        vec![0],
        vec![9; 9],
        vec![1],
        vec![5, 5],
        vec![7; LONGEST],
        vec![1; LONGEST + 1],
        vec![1; 60_000],
        open(b""),
        open(b"."),
        open(b".."),
        open(b"../trace"),
        open(b"trace/../x"),
        open(b"trace/x"),
        open(b"/trace"),
        open(b"trace\0"),
        open(&[&b"trace"[..], &[b'x'; 300]].concat()),
        [&[1, 1, 0, 1][..], b"trace"].concat(),
        [&[1, 255, 255, 1][..], b"trace"].concat(),
        [&[1, 0, 0, 2][..], b"trace"].concat(),
        [&[2, 0, 0, 200][..], b"trace_trace"].concat(),
        [&[2, 0, 0, 0][..], b"trace"].concat(),
    ] {
        assert_eq!(raw(&channel, &bytes), (refused.clone(), false), "{:?}", &bytes[..bytes.len().min(40)]);
    }
    // Out of order: renaming, removing, finishing what was never made.
    let missing = Reply::Failed { errno: libc::ENOENT }.encode();
    let (name, to) = (OsStr::new("trace_x"), OsStr::new("trace_y"));
    assert_eq!(raw(&channel, &Request::Rename { folder: 0, from: name, to }.encode()).0, missing);
    assert_eq!(raw(&channel, &Request::Remove { folder: 0, name }.encode()).0, missing);
    assert_eq!(raw(&channel, &Request::Finished { folder: 0, name }.encode()).0, refused);
    assert_eq!(world.list(), ["dated"]);
    // And it still serves.
    assert_eq!(raw(&channel, &open(b"trace_x")), (Reply::Opened { new: true }.encode(), true));
}

#[test]
fn descriptors_sent_to_it_are_not_kept() {
    let (_world, channel) = world();
    let (mut read, write) = io::pipe().unwrap();
    for _ in 0..10 {
        channel.send_with(b"?", write.as_fd()).unwrap();
        let mut room = [0; LONGEST];
        channel.receive(&mut room).unwrap();
    }
    drop(write);
    // It would wait for ever if another end for writing were open.
    assert_eq!(read.read(&mut [0]).unwrap(), 0);
}

#[test]
fn sentences_are_bounded_in_length_and_number() {
    let (_world, helper) = client();
    let mut waiting = Vec::new();
    let sentences = helper.settle(&mut |files| waiting.push(files)).unwrap();
    assert_eq!(waiting, [7]);
    assert_eq!(sentences.len(), MOST_SENTENCES + 1);
    assert!(sentences.iter().all(|s| s.len() <= LONGEST));
    assert!(sentences[0].starts_with("failure 0: öö"));
    assert_eq!(sentences[MOST_SENTENCES], "and 50 more of this kind");
}

#[test]
fn a_pipe_is_opened_as_it_is() {
    let (world, helper) = client();
    let path = world.path("out.pcap");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let reading = thread::spawn({
        let path = path.clone();
        move || fs::read(path).unwrap()
    });
    let mut opened = helper.open(&path, false).unwrap();
    assert!(!opened.new);
    opened.file.write_all(b"through").unwrap();
    drop(opened);
    assert_eq!(reading.join().unwrap(), b"through");
}

fn make_fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
}

#[test]
fn a_fifo_planted_under_a_name_of_a_series_is_neither_opened_nor_waited_for() {
    let (world, helper) = client();
    for name in ["trace_00002", "trace_00003.part", "out.pcap.part"] {
        make_fifo(&world.path(name));
        assert!(matches!(helper.open(&world.path(name), true), Err(OpenError::Exists(_))), "{name}");
    }
}

#[test]
fn a_fifo_that_somebody_else_put_where_everyone_may_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: not root");
        return;
    }
    let (world, helper) = client();
    let fifo = world.path("out.pcap");
    make_fifo(&fifo);
    chown(&fifo, Some(4321), Some(4321)).unwrap();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o1777)).unwrap();
    let error = helper.open(&fifo, true).unwrap_err();
    assert!(matches!(&error, OpenError::Failed(e) if e.kind() == ErrorKind::PermissionDenied), "{error:?}");
}

#[test]
fn a_file_gets_its_command_once() {
    let (world, helper) = client();
    let file = world.path("trace_1");
    helper.open(&file, false).unwrap();
    helper.finished(&file).unwrap();
    assert_eq!(helper.finished(&file).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(world.finished.recv().unwrap(), file);
    assert!(world.finished.try_recv().is_err());
}

/// Cannot go on.
struct Broken;

impl Commands for Broken {
    fn finished(&self, _: &Path) {}

    fn busy(&self, _: &Path) -> bool {
        false
    }

    fn settle(&self, _: Option<Duration>) -> Result<Vec<String>, u64> {
        panic!("on purpose")
    }

    fn stop(&self) {}
}

#[test]
fn when_the_thread_that_answers_ends_that_is_an_error_and_no_hang() {
    let (ours, theirs) = Channel::pair().unwrap();
    let theirs = Arc::new(theirs);
    let serving = thread::spawn({
        // The thread that waits for the end holds the channel, too.
        let theirs = Arc::clone(&theirs);
        move || serve(&theirs, Allowed::open(Vec::new()), &Arc::new(Some(Box::new(Broken))))
    });
    let helper = Helper::new(ours, Vec::new(), 0);
    assert_eq!(helper.settle(&mut |_| ()).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(helper.settle(&mut |_| ()).unwrap_err().kind(), ErrorKind::NotConnected);
    assert!(serving.join().is_err());
    wait_for_the_end(&theirs);
}

#[test]
fn when_the_helper_is_gone_that_is_an_error_and_no_hang() {
    let (ours, theirs) = Channel::pair().unwrap();
    drop(theirs);
    let helper = Helper::new(ours, vec![PathBuf::from(".")], 0);
    let Err(OpenError::Failed(error)) = helper.open(Path::new("out.pcap"), false) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(helper.settle(&mut |_| ()).unwrap_err().kind(), ErrorKind::NotConnected);
}

#[test]
fn a_folder_that_is_not_there_says_so() {
    let (ours, theirs) = Channel::pair().unwrap();
    let rule = Rule { names: Names::One("a".into()), force: false };
    let folder = Folder { path: PathBuf::from("/nonexistent/folder"), rules: vec![rule], make: false };
    thread::spawn(move || serve(&theirs, Allowed::open(vec![folder]), &Shared::default()));
    let helper = Helper::new(ours, vec![PathBuf::from("/nonexistent/folder")], 0);
    let Err(OpenError::Failed(error)) = helper.open(Path::new("/nonexistent/folder/a"), false) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn names_are_answered_whenever_they_come() {
    use super::super::names::{self, Answer, Names as Asking};
    let (ours, theirs) = Channel::pair().unwrap();
    names::serve(&Arc::new(theirs), |address| match address.to_string().as_str() {
        "192.0.2.1" => Answer::Name("one.example".to_owned()),
        "2001:db8::2" => Answer::Name("two.example".to_owned()),
        "192.0.2.9" => Answer::Name("x".repeat(300)),
        "192.0.2.8" => Answer::Unknown,
        _ => Answer::Nameless,
    });
    let names = Asking::new(ours).unwrap();
    assert!(names.answer().unwrap().is_none());
    let asked = ["192.0.2.1", "2001:db8::2", "192.0.2.3", "192.0.2.9", "192.0.2.8"];
    assert!(asked.iter().all(|address| names.ask(address.parse().unwrap())));
    let mut got = std::collections::BTreeMap::new();
    while got.len() < asked.len() {
        assert!(names.wait(std::time::Duration::from_mins(1)));
        if let Some((address, name)) = names.answer().unwrap() {
            got.insert(address.to_string(), name);
        }
    }
    assert_eq!(got["192.0.2.1"], Answer::Name("one.example".to_owned()));
    assert_eq!(got["2001:db8::2"], Answer::Name("two.example".to_owned()));
    assert!(got["192.0.2.3"] == Answer::Nameless && got["192.0.2.9"] == Answer::Nameless);
    assert_eq!(got["192.0.2.8"], Answer::Unknown);
}

/// A folder that is made, for `….pcap`, which may be overwritten.
fn parts() -> (TempDir, PathBuf, Helper) {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("parts");
    let names = Names::Series { start: OsString::new(), end: ".pcap".into(), others: OsString::new() };
    let rules = vec![Rule { names, force: true }];
    let (ours, theirs) = Channel::pair().unwrap();
    let given = Folder { path: folder.clone(), rules, make: true };
    thread::spawn(move || serve(&theirs, Allowed::open(vec![given]), &Arc::new(None)));
    let helper = Helper::new(ours, vec![folder.clone()], 0);
    (around, folder, helper)
}

#[test]
fn a_file_is_opened_again_to_append_until_it_is_forgotten() {
    let (_around, folder, helper) = parts();
    let path = folder.join("c1.pcap");
    helper.open(&path, false).unwrap().file.write_all(b"a").unwrap();
    for _ in 0..2 {
        helper.again(&path).unwrap().write_all(b"b").unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"abb");
    helper.forget(&path).unwrap();
    assert_eq!(helper.again(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(helper.forget(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(helper.remove(&path).is_err());
    // What was not made by it is not opened to append, and no link is followed.
    fs::write(folder.join("c2.pcap"), "mine").unwrap();
    helper.open(&folder.join("c3.pcap"), false).unwrap();
    fs::remove_file(folder.join("c3.pcap")).unwrap();
    symlink(folder.join("c2.pcap"), folder.join("c3.pcap")).unwrap();
    for name in ["c2.pcap", "c3.pcap", "other.txt", "absent.pcap"] {
        assert!(helper.again(&folder.join(name)).is_err(), "{name}");
    }
    assert_eq!(fs::read(folder.join("c2.pcap")).unwrap(), b"mine");
}

#[test]
fn of_a_series_only_a_file_of_its_own_is_emptied_and_only_when_asked() {
    let (around, folder, helper) = parts();
    // It is made when the helper begins.
    while !folder.exists() {
        thread::yield_now();
    }
    let victim = around.path().join("victim");
    fs::write(&victim, "victim").unwrap();
    fs::write(folder.join("old.pcap"), "old").unwrap();
    symlink(&victim, folder.join("link.pcap")).unwrap();
    fs::hard_link(&victim, folder.join("hard.pcap")).unwrap();
    for name in ["old.pcap", "link.pcap", "hard.pcap"] {
        assert!(matches!(helper.open(&folder.join(name), false), Err(OpenError::Exists(_))), "{name}");
    }
    for name in ["link.pcap", "hard.pcap"] {
        assert!(matches!(helper.open(&folder.join(name), true), Err(OpenError::Exists(_))), "{name}");
    }
    let opened = helper.open(&folder.join("old.pcap"), true).unwrap();
    assert!(!opened.new);
    helper.again(&folder.join("old.pcap")).unwrap().write_all(b"er").unwrap();
    assert_eq!(fs::read(folder.join("old.pcap")).unwrap(), b"older");
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}
