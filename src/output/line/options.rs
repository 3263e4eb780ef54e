//! What a packet line shows: plain settings, filled in by whoever knows the command line.

use super::zone::NamedZone;
use chrono::{Local, Offset, TimeZone};

/// How the time of a packet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// Not at all (`-t`).
    None,
    /// Time of day, `22:13:20.000000`.
    #[default]
    Clock,
    /// Seconds since the epoch, `1700000000.000000` (`-tt`).
    Epoch,
    /// Since the packet printed before, ` 00:00:00.001000` (`-ttt`).
    DeltaPrevious,
    /// Date and time of day (`-tttt`).
    Date,
    /// Since the first packet printed (`-ttttt`).
    DeltaFirst,
}

/// In which zone times of day are written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Zone {
    /// The zone of this host (`TZ`), as tcpdump does.
    #[default]
    Local,
    /// UTC.
    Utc,
    /// A zone by its name in the tz database.
    Named(NamedZone),
}

impl Zone {
    /// Seconds east of UTC at a moment given in seconds since the epoch. Changes with daylight saving time.
    #[must_use]
    pub fn offset_at(&self, seconds: i64) -> i32 {
        match self {
            Self::Local => Local.timestamp_opt(seconds, 0).single().map_or(0, |at| at.offset().fix().local_minus_utc()),
            Self::Utc => 0,
            Self::Named(zone) => zone.offset_at(seconds),
        }
    }
}

/// Which bytes of a packet follow its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HexMode {
    /// None.
    #[default]
    None,
    /// In hex, without the link header (`-x`).
    Hex,
    /// In hex, all of the frame (`-xx`).
    HexLink,
    /// In hex and ASCII, without the link header (`-X`).
    HexAscii,
    /// In hex and ASCII, all of the frame (`-XX`).
    HexAsciiLink,
    /// As text, without the link header (`-A`).
    Ascii,
    /// As text, all of the frame (`-AA`).
    AsciiLink,
}

/// The name of a network interface of this host, for link types that carry only its number (Linux cooked v2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
}

/// Settings of a [`LinePrinter`](super::LinePrinter).
#[derive(Clone, Debug, Default)]
pub struct LineOptions {
    /// How times are written.
    pub time: TimeFormat,
    /// Nine digits of the second instead of six (`--nano`).
    pub nano: bool,
    /// Zone of [`TimeFormat::Clock`] and [`TimeFormat::Date`].
    pub zone: Zone,
    /// Count the printed packets in front of their lines (`-#`).
    pub number: bool,
    /// Write the link header (`-e`).
    pub link_header: bool,
    /// Shorter lines (`-q`).
    pub quiet: bool,
    /// How often `-v` was given: 1 adds the IP header and checksums, 2 and 3 details.
    pub verbosity: u8,
    /// Do not check the checksums of IPv4, TCP and UDP (`-K`): those of a host that leaves them to its network card are wrong.
    pub no_checksums: bool,
    /// TCP sequence numbers as they are on the wire (`-S`).
    pub absolute_seq: bool,
    /// Bytes after the line.
    pub hex: HexMode,
    /// tcpdump's text alone, without our part after ` ; `.
    pub plain: bool,
    /// Packets of more than one source share the output: our part writes `2#7` for the second one's seventh.
    pub many_sources: bool,
    /// ASCII only: `reset ->` for `reset →`.
    pub ascii: bool,
    /// Interfaces of this host by number. tcpdump names the `ifindex` of a Linux cooked v2 file after the interface that
    /// has this number on the host it runs on; leave it empty to see numbers.
    pub interfaces: Vec<InterfaceName>,
}
