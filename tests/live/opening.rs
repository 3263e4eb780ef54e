//! What can be opened and how: several interfaces, link types, promiscuous mode, the list of interfaces.

use super::{drain, open, send, sink};
use crate::netns::{self, NEAR_IP, NEAR_MAC, Pair, VETH};
use sockeye::capture::interfaces::{InterfaceAddress, Interfaces, Obstacle};
use sockeye::capture::live::{self, LiveSpec, TimeStamps};
use sockeye::capture::permission::Permission;
use sockeye::capture::{PacketSource, SourceError};
use sockeye::model::{LinkType, LiveBackend, MacAddr};
use std::net::UdpSocket;
use std::time::Duration;

for_backends! {
    the_capture_is_not_inherited
    promiscuous_mode_ends_with_the_capture
    several_interfaces_at_once
    names_and_states_are_checked
    link_types_are_listed_and_chosen
    time_stamps_are_listed_and_chosen
}

fn the_capture_is_not_inherited(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    // The namespace's only packet socket is the capture's; its inode is the last column.
    let sockets = pair.near.run(|| std::fs::read_to_string("/proc/thread-self/net/packet").expect("listed"));
    let inode = sockets.lines().nth(1).and_then(|line| line.split_whitespace().last()).expect("one socket");
    let is_ours = |fd: &std::fs::DirEntry| {
        std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy() == format!("socket:[{inode}]"))
    };
    let open: Vec<_> = std::fs::read_dir("/proc/self/fd").expect("listed").flatten().filter(is_ours).collect();
    assert_eq!(open.len(), 1);
    let info = std::path::Path::new("/proc/self/fdinfo").join(open[0].file_name());
    let info = std::fs::read_to_string(info).expect("readable");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags").trim();
    let flags = i32::from_str_radix(flags, 8).expect("octal");
    assert!(flags & libc::O_CLOEXEC != 0, "a program started from here would go on capturing");
}

fn promiscuous_mode_ends_with_the_capture(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let is_promiscuous = || pair.near.ip(&format!("-d link show {VETH}")).contains("promiscuity 1");
    let plain = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    assert!(!is_promiscuous(), "not unless asked");
    let asked = pair.near.run(|| open(LiveSpec { promiscuous: true, ..LiveSpec::new(VETH) }, backend));
    assert!(is_promiscuous());
    drop((plain, asked));
    // A process that another test starts at this moment may hold a copy of the socket for an instant.
    let ended = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !is_promiscuous()
    });
    assert!(ended);
    let any = pair.near.run(|| open(LiveSpec { promiscuous: true, ..LiveSpec::new(live::ANY) }, backend));
    let warnings = &any.info().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("promiscuous")), "any cannot, and says so: {warnings:?}");
    assert_eq!(warnings.iter().any(|warning| warning.contains("VLAN")), backend == LiveBackend::Libpcap);
}

fn several_interfaces_at_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let specs = [LiveSpec::new(VETH), LiveSpec::new("lo")];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    assert_eq!(live.info().interfaces.len(), 2);
    assert_eq!(live.info().name, "veth0, lo");
    send(&pair, 4000, [1; 300]);
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..200 {
            sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
        }
    });
    let frames = drain(&mut live);
    let of = |interface| frames.iter().filter(|frame| frame.interface == interface).count();
    assert_eq!((of(0), of(1)), (300, 200));
    live.skip_rest();
    let each = live.interface_stats();
    assert_eq!((each[0].received, each[1].received), (Some(300), Some(400)));
    assert_eq!((each[0].duplicates, each[1].duplicates), (Some(0), Some(200)));
    assert_eq!((each[0].frames, each[1].frames), (300, 200));
    assert_eq!(live.stats().received, Some(700));
}

fn names_and_states_are_checked(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add idle0 type veth peer name idle1");
    pair.near.run(|| {
        let error = |name: &str| live::open(&[LiveSpec::new(name)], Some(backend)).err().map(|e| e.to_string());
        assert_eq!(error("etho").as_deref(), Some("no interface \"etho\""));
        assert_eq!(error("").as_deref(), Some("no interface \"\""));
        assert!(error("a name that is far too long for linux").is_some_and(|text| text.starts_with("no interface")));
        assert_eq!(error("idle0").as_deref(), Some("interface idle0 exists but is down"));
        let link = LiveSpec { link: Some(LinkType::PPP), ..LiveSpec::new("lo") };
        assert!(matches!(live::open(&[link], Some(backend)), Err(SourceError::Unsupported { .. })));
    });
}

fn link_types_are_listed_and_chosen(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    pair.near.run(|| {
        let types = |name| live::link_types(name, Some(backend)).expect("lists");
        assert_eq!(types(VETH)[0], LinkType::ETHERNET);
        assert_eq!(types(live::ANY)[0], LinkType::LINUX_SLL2);
        assert!(live::link_types("etho", Some(backend)).is_err());
    });
    // A tunnel without a link header gives bare IP packets.
    pair.near.ip("tuntap add dev tun0 mode tun");
    pair.near.ip("link set tun0 up");
    pair.near.run(|| assert_eq!(live::link_types("tun0", Some(backend)).expect("lists")[0], LinkType::RAW));
}

/// The interfaces of a namespace have no clock: the kernel's times can be asked for by either name, a card's are refused.
fn time_stamps_are_listed_and_chosen(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    pair.near.run(|| {
        for interface in [VETH, "lo", live::ANY] {
            let all = live::time_stamps(interface).expect("lists");
            assert_eq!(all, [TimeStamps::Host, TimeStamps::HostHighPrecision], "{interface}");
        }
        assert!(matches!(live::time_stamps("etho"), Err(SourceError::NoSuchInterface { .. })));
        for kind in TimeStamps::ALL {
            let spec = LiveSpec { time_stamps: Some(kind), ..LiveSpec::new(VETH) };
            match live::open(&[spec], Some(backend)) {
                Ok(_) => assert!(matches!(kind, TimeStamps::Host | TimeStamps::HostHighPrecision), "{kind:?}"),
                Err(error) => {
                    let told = format!("no {} time stamps from this interface; it has host, host_hiprec", kind.name());
                    assert!(error.to_string().contains(&told), "{error}");
                }
            }
        }
    });
}

/// What is listed without asking for a backend is captured without asking for one.
#[test]
fn each_link_type_of_any_can_be_had() {
    let Some(pair) = Pair::new() else { return };
    pair.near.run(|| {
        let listed = live::link_types(live::ANY, None).expect("lists");
        assert_eq!(listed.contains(&LinkType::LINUX_SLL), cfg!(feature = "libpcap"));
        for link in listed {
            let spec = LiveSpec { link: Some(link), ..LiveSpec::new(live::ANY) };
            let live = live::open(&[spec], None).unwrap_or_else(|error| panic!("{link}: {error}"));
            assert_eq!(live.info().interfaces[0].link, Some(link));
        }
    });
}

#[test]
fn interfaces_are_listed_with_what_stands_in_the_way() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add idle0 type veth peer name idle1");
    let all = pair.near.run(Interfaces::list);
    let of = |name| all.find(name).expect("listed");
    let veth = of(VETH);
    assert!(veth.up && veth.running && !veth.loopback);
    assert_eq!(veth.mac, Some(MacAddr(NEAR_MAC)));
    assert_eq!((veth.link, veth.obstacle), (Some(LinkType::ETHERNET), None));
    let address = InterfaceAddress { address: NEAR_IP.parse().expect("an address"), prefix: 24 };
    assert_eq!(veth.addresses, [address]);
    assert!(of("lo").loopback && of("lo").mac.is_none());
    assert_eq!((of("idle0").up, of("idle0").obstacle), (false, Some(Obstacle::Down)));
    let names: Vec<_> = all.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names.iter().position(|name| *name == "lo"), Some(0), "up and lowest index first: {names:?}");
    assert_eq!(all.suggest("vet0"), Some(VETH));
    assert!(all.pseudo.iter().all(|device| device.name != "any" && device.name != VETH));

    let refused = pair.near.run(|| netns::as_nobody(Interfaces::list));
    assert_eq!(refused.any, Some(Obstacle::NotPermitted));
    assert!(refused.interfaces.iter().all(|interface| interface.obstacle == Some(Obstacle::NotPermitted)));
    assert_eq!(refused.interfaces.len(), all.interfaces.len());
}

#[test]
fn the_missing_right_is_found() {
    let Some(_pair) = Pair::new() else { return };
    let (root, nobody) = (Permission::look(), netns::as_nobody(Permission::look));
    assert!(root.effective && root.obtainable);
    assert!(!nobody.effective && nobody.obtainable);
    assert_eq!(nobody.mount, root.mount);
    assert!(root.mount.is_some_and(|mount| std::env::current_exe().expect("runs").starts_with(mount.point)));
}
