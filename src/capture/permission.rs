//! Why this program may not capture: facts from `/proc`, from which the command line makes its advice.
//!
//! Linux asks for `CAP_NET_RAW` in the user namespace that owns the network namespace (capabilities(7)). `setcap` on the
//! program's file gives it, unless the file lies on a file system mounted `nosuid`, or `no_new_privs` is set
//! (prctl(2)), or the container's bounding set lacks it.

use std::fs;
use std::path::{Path, PathBuf};

/// Number of `CAP_NET_RAW` in capability sets (`linux/capability.h`).
const CAP_NET_RAW: u32 = 13;

/// What stands between this thread and a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `CAP_NET_RAW` is in force.
    pub effective: bool,
    /// `CAP_NET_RAW` can be got at all: it is in the bounding set.
    pub obtainable: bool,
    /// `no_new_privs` is set: neither sudo nor file capabilities give anything.
    pub no_new_privs: bool,
    /// This user namespace is not the first one: capabilities in it may not reach the network namespace.
    pub user_namespace: bool,
    /// The program that runs.
    pub program: Option<PathBuf>,
    /// `CAP_NET_RAW` is among the capabilities of the program's file (`setcap`), to be in force at its start.
    pub on_file: bool,
    /// The file system the program lies on.
    pub mount: Option<Mount>,
    /// The container around us.
    pub container: Option<Container>,
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: PathBuf,
    /// Its type, such as `ext4`.
    pub kind: String,
    /// File capabilities have no effect on it.
    pub nosuid: bool,
    /// Nothing can be written, file capabilities neither.
    pub read_only: bool,
}

/// A kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// A pod of Kubernetes.
    Kubernetes,
    /// LXC or LXD.
    Lxc,
    /// Some other one.
    Other,
}

impl Permission {
    /// Looks at the calling thread. What cannot be read is left at "no".
    #[must_use]
    pub fn look() -> Self {
        let read = |path: &str| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let status = read("/proc/thread-self/status");
        // A program replaced while it runs shows as "… (deleted)": then its path tells nothing.
        let program = fs::read_link("/proc/self/exe").ok().filter(|path| path.exists());
        let mount = program.as_deref().and_then(|path| mount_of(&read("/proc/self/mountinfo"), path));
        Self {
            effective: has_net_raw(&status, "CapEff:"),
            obtainable: has_net_raw(&status, "CapBnd:"),
            no_new_privs: field(&status, "NoNewPrivs:") == Some("1"),
            user_namespace: !is_first_user_namespace(&read("/proc/self/uid_map")),
            on_file: program.as_deref().is_some_and(carries_net_raw),
            program,
            mount,
            container: container(),
        }
    }

    /// Would `setcap cap_net_raw+ep PROGRAM` help?
    #[must_use]
    pub fn setcap_helps(&self) -> bool {
        let file_may = self.mount.as_ref().is_none_or(|mount| !mount.nosuid && !mount.read_only);
        self.obtainable && !self.no_new_privs && file_may
    }
}

/// The rest of the line that begins with `name`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn has_net_raw(status: &str, set: &str) -> bool {
    let bits = field(status, set).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    bits >> CAP_NET_RAW & 1 == 1
}

/// Does the file give `CAP_NET_RAW` to whoever starts it? (`security.capability`, see capabilities(7).)
fn carries_net_raw(program: &Path) -> bool {
    let mut value = [0_u8; 64];
    let length = rustix::fs::getxattr(program, "security.capability", &mut value[..]).unwrap_or(0);
    gives_net_raw(value.get(..length).unwrap_or_default())
}

/// `vfs_cap_data` of `linux/capability.h`, little-endian: revision with the flag "effective", then pairs of 32-bit sets, permitted and
/// inheritable, the low ones first.
fn gives_net_raw(value: &[u8]) -> bool {
    let word = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (Some(revision), Some(permitted)) = (word(0), word(4)) else { return false };
    revision & 1 == 1 && permitted >> CAP_NET_RAW & 1 == 1
}

/// The first user namespace maps every number to itself (`user_namespaces(7)`).
fn is_first_user_namespace(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// The mount that `path` lies on: of the longest mount points the last one, which covers the others.
///
/// A line of mountinfo (`proc_pid_mountinfo(5)`): id, parent, device, root, mount point, options, any number of
/// optional fields, `-`, type, source, superblock options.
fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mut best: Option<Mount> = None;
    for line in mountinfo.lines() {
        let Some((first, last)) = line.split_once(" - ") else { continue };
        let mut words = first.split(' ').skip(4);
        let (Some(point), Some(options)) = (words.next(), words.next()) else { continue };
        let point = unescape(point);
        let covers = best.as_ref().is_none_or(|best| point.as_os_str().len() >= best.point.as_os_str().len());
        if !covers || !path.starts_with(&point) {
            continue;
        }
        let (kind, rest) = last.split_once(' ').unwrap_or((last, ""));
        let superblock = rest.rsplit(' ').next().unwrap_or_default();
        let is_set = |options: &str, name: &str| options.split(',').any(|option| option == name);
        best = Some(Mount {
            point,
            kind: kind.to_owned(),
            nosuid: is_set(options, "nosuid"),
            read_only: is_set(options, "ro") || is_set(superblock, "ro"),
        });
    }
    best
}

/// Blank, tab, newline and backslash stand as `\` and three octal digits.
fn unescape(word: &str) -> PathBuf {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let byte = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(byte.map_or('\\', char::from));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    out.push_str(rest);
    PathBuf::from(out)
}

fn container() -> Option<Container> {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some(Container::Kubernetes);
    }
    if Path::new("/.dockerenv").exists() {
        return Some(Container::Docker);
    }
    if Path::new("/run/.containerenv").exists() {
        return Some(Container::Podman);
    }
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let init = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    let word = fs::read_to_string("/run/systemd/container").unwrap_or_default();
    container_by_words(&[&cgroup, &init, &word])
}

/// The kind that the names of control groups, or systemd's word for the container, give away.
fn container_by_words(texts: &[&str]) -> Option<Container> {
    const WORDS: [(&str, Container); 7] = [
        ("kubepods", Container::Kubernetes),
        ("docker", Container::Docker),
        ("libpod", Container::Podman),
        ("podman", Container::Podman),
        ("lxc", Container::Lxc),
        ("containerd", Container::Other),
        ("nspawn", Container::Other),
    ];
    let is_inside = |path: &str, word: &str| {
        // Services of the host such as docker.service are no containers.
        path.split('/').any(|part| part.contains(word) && !part.ends_with(".service") && !part.ends_with(".socket"))
    };
    let lines = || texts.iter().flat_map(|text| text.lines());
    WORDS.iter().find(|(word, _)| lines().any(|line| is_inside(line, word))).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tsockeye\nNoNewPrivs:\t1\nCapPrm:\t0000000000002000\nCapEff:\t0000000000000000\n\
                          CapBnd:\t000001ffffffffff\n";

    #[test]
    fn capabilities_are_read_from_their_sets() {
        assert!(!has_net_raw(STATUS, "CapEff:"));
        assert!(has_net_raw(STATUS, "CapPrm:"));
        assert!(has_net_raw(STATUS, "CapBnd:"));
        assert_eq!(field(STATUS, "NoNewPrivs:"), Some("1"));
        assert!(!has_net_raw("", "CapEff:"));
    }

    #[test]
    fn the_longest_and_last_mount_counts() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      40 22 8:2 / /srv rw,nosuid,nodev shared:2 master:3 - xfs /dev/sda2 rw\n\
                      41 22 0:9 / /srv/a\\040b rw - fuse.AppImage x ro,user_id=0\n\
                      42 22 8:2 / /srvs rw - xfs /dev/sda3 rw\n\
                      garbage\n";
        let mount = |path: &str| mount_of(mounts, Path::new(path)).expect("has a mount");
        assert_eq!(mount("/usr/bin/sockeye").point, Path::new("/"));
        assert!(!mount("/usr/bin/sockeye").nosuid);
        assert!(mount("/srv/x/sockeye").nosuid);
        assert!(mount("/srv/a b/sockeye").read_only);
        assert_eq!(mount("/srv/a b/sockeye").kind, "fuse.AppImage");
        assert!(!mount("/srvs/sockeye").nosuid);
        assert_eq!(mount_of("", Path::new("/")), None);
    }

    #[test]
    fn odd_escapes_stay_as_they_are() {
        assert_eq!(unescape(r"/a\040b\134c"), Path::new(r"/a b\c"));
        assert_eq!(unescape(r"/a\9"), Path::new(r"/a\9"));
        assert_eq!(unescape("\\\u{e9}\u{e9}"), Path::new("\\\u{e9}\u{e9}"));
    }

    #[test]
    fn containers_are_told_from_services_about_containers() {
        assert_eq!(container_by_words(&["0::/system.slice/docker.service"]), None);
        assert_eq!(container_by_words(&["0::/system.slice/docker-8f3c.scope"]), Some(Container::Docker));
        assert_eq!(container_by_words(&["0::/kubepods.slice/cri-containerd-1.scope"]), Some(Container::Kubernetes));
        assert_eq!(container_by_words(&["0::/", "1:name=systemd:/lxc/web"]), Some(Container::Lxc));
        assert_eq!(container_by_words(&["0::/user.slice/user-1000.slice"]), None);
    }

    #[test]
    fn only_the_first_user_namespace_maps_everything() {
        assert!(is_first_user_namespace("         0          0 4294967295\n"));
        assert!(!is_first_user_namespace("         0       1000          1\n"));
    }

    #[test]
    fn capabilities_of_files_are_read() {
        // As `setcap cap_net_raw+ep`, `cap_net_raw+p` and `cap_net_admin+ep` write them.
        let value = |revision: u32, permitted: u32| [revision, permitted, 0, 0, 0].map(u32::to_le_bytes).concat();
        assert!(gives_net_raw(&value(0x0200_0001, 1 << 13)));
        assert!(!gives_net_raw(&value(0x0200_0000, 1 << 13)));
        assert!(!gives_net_raw(&value(0x0200_0001, 1 << 12)));
        assert!(!gives_net_raw(&[]));
    }

    #[test]
    fn setcap_is_advised_only_where_it_works() {
        let good = Permission { obtainable: true, ..Permission::default() };
        assert!(good.setcap_helps());
        assert!(!Permission { no_new_privs: true, ..good.clone() }.setcap_helps());
        assert!(!Permission { obtainable: false, ..good.clone() }.setcap_helps());
        let mount = Mount { point: "/srv".into(), kind: "xfs".to_owned(), nosuid: true, read_only: false };
        assert!(!Permission { mount: Some(mount), ..good }.setcap_helps());
    }
}
