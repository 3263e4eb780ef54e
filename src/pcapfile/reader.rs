//! One record after another from the front of some bytes. The reader keeps what the file says of itself and asks for more
//! bytes when a record is not whole; where bytes come from is not its business.
//!
//! Its answers hold positions instead of slices, so that a caller with a sliding buffer can ask again in a loop.

use super::block::{self, Framed};
use super::classic::{Classic, FILE_HEADER};
use super::error::{Fault, Part};
use super::section::{Allowance, Interface, Lost, MAX_INTERFACES, Section};
use super::{Format, extras, packets, section};
use crate::model::{
    ByteOrder, FileFormat, FrameDirection, FrameMarks, FrameOptions, LinkType, SourceInfo, SourceKind, Timestamp,
};
use std::ops::Range;

/// Most warnings kept of one file.
const MAX_WARNINGS: usize = 32;

/// What stood at the front of the bytes. All positions count from their start.
#[derive(Clone, Debug)]
pub enum Step {
    /// A packet.
    Packet(Packet),
    /// Something that is no packet.
    Other {
        /// Bytes it took.
        used: usize,
    },
    /// Too few bytes. At the end of a file that is damage, unless there are none at all.
    Need {
        /// So many are needed from the start.
        len: usize,
        /// For what.
        part: Part,
        /// Length of that part.
        of: usize,
    },
}

/// Where a packet lies in the bytes, and what is known of it. Positions fit into 32 bits: no record is longer than
/// [`super::MAX_RECORD`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Capture time; where the block has none, that of the packet before, and the epoch where there is none.
    pub ts: Timestamp,
    /// Bytes that the whole record takes.
    pub used: u32,
    /// Index into [`SourceInfo::interfaces`].
    pub interface: u32,
    /// What the frame starts with.
    pub link: LinkType,
    /// Length on the wire as recorded.
    pub wire_len: u32,
    /// Where the frame's bytes lie.
    pub data: Range<u32>,
    /// Way of the frame, where recorded.
    pub direction: Option<FrameDirection>,
    /// Where the block's options lie, without `opt_endofopt`; empty where there are none.
    pub options: Range<u32>,
    /// Byte order of the options.
    pub order: ByteOrder,
    /// What the block says of the frame beside its bytes: `epb_dropcount` or the drops count of an old Packet Block, and
    /// bits 9 and 11 of `epb_flags`.
    pub marks: FrameMarks,
}

impl Packet {
    /// No packet: for callers that keep the last one.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            ts: Timestamp::from_nanos(0),
            used: 0,
            interface: 0,
            link: LinkType::ETHERNET,
            wire_len: 0,
            data: 0..0,
            direction: None,
            options: 0..0,
            order: ByteOrder::Little,
            marks: FrameMarks::NONE,
        }
    }

    /// The frame's bytes. `bytes` are those that the reader was shown.
    #[inline]
    #[must_use]
    pub fn frame<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.data.start as usize..self.data.end as usize).unwrap_or_default()
    }

    /// The block's options, if it has any. `bytes` are those that the reader was shown.
    #[inline]
    #[must_use]
    pub fn frame_options<'a>(&self, bytes: &'a [u8]) -> Option<FrameOptions<'a>> {
        let bytes = bytes.get(self.options.start as usize..self.options.end as usize).filter(|o| !o.is_empty())?;
        Some(FrameOptions { bytes, order: self.order })
    }
}

/// Reads a capture file's bytes from front to back.
#[derive(Clone, Debug)]
pub struct Reader {
    state: State,
    info: SourceInfo,
    revision: u64,
    packets: u64,
    forced: Option<LinkType>,
    allowance: Allowance,
    /// Sum of what packets say was lost before them.
    dropped: Option<u64>,
    told: Told,
    /// Time of the last packet.
    last: Timestamp,
    /// Packets without a time of their own, and which warning tells so.
    timeless: u64,
    timeless_warning: Option<usize>,
}

#[derive(Clone, Debug)]
enum State {
    /// Nothing read yet.
    Start(Format),
    Classic(Classic),
    PcapNg(Section),
}

/// Which warnings were given: each is given once.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    undeclared: bool,
    no_interface: bool,
    options: bool,
    too_much: bool,
    unknown: bool,
    statistics: bool,
}

impl Reader {
    /// A reader for a file of this format. `name` is for people.
    #[must_use]
    pub fn new(format: Format, name: &str) -> Self {
        let kind = match format {
            Format::Pcap { flavour, .. } => FileFormat::Pcap { nanoseconds: flavour == super::Flavour::Nanos },
            Format::PcapNg => FileFormat::PcapNg,
        };
        Self {
            state: State::Start(format),
            info: SourceInfo::new(name, SourceKind::File(kind)),
            revision: 0,
            packets: 0,
            forced: None,
            allowance: Allowance::default(),
            dropped: None,
            told: Told::default(),
            last: Timestamp::default(),
            timeless: 0,
            timeless_warning: None,
        }
    }

    /// The same, keeping at most so many bytes of what the file says of itself: names, comments, secrets.
    #[must_use]
    pub fn keep_at_most(mut self, bytes: usize) -> Self {
        self.allowance = Allowance::of(bytes);
        self
    }

    /// Takes every frame for one of this link type, whatever the file says.
    #[must_use]
    pub fn force_link(mut self, link: Option<LinkType>) -> Self {
        self.forced = link;
        self
    }

    /// What the file says of itself, so far.
    #[must_use]
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// For adding what the bytes do not tell.
    pub fn info_mut(&mut self) -> &mut SourceInfo {
        &mut self.info
    }

    /// Grows whenever [`Self::info`] grows. Counters of interfaces, which are for the end, may change without it.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Packets read so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Frames lost between packets so far: the sum of what packets say was lost before each (`FrameMarks::dropped_before`).
    /// `None` as long as none says anything, which is not 0.
    #[must_use]
    pub fn dropped_between(&self) -> Option<u64> {
        self.dropped
    }

    /// Has the file header been read?
    #[must_use]
    pub fn has_started(&self) -> bool {
        !matches!(self.state, State::Start(_))
    }

    /// Is a packet the next thing in these bytes? No where that cannot be told yet; of a classic file always yes.
    #[must_use]
    pub fn packet_is_next(&self, bytes: &[u8]) -> bool {
        let State::PcapNg(section) = &self.state else { return self.has_started() };
        bytes.first_chunk::<4>().is_some_and(|kind| {
            matches!(section.order.u32(*kind), block::ENHANCED_PACKET | block::SIMPLE_PACKET | block::OLD_PACKET)
        })
    }

    /// Reads the packet at the start of `bytes` into `packet`, if there is one, whole and with nothing special about it, as
    /// nearly all are. `false`: nothing was changed, and [`Self::step`] says what there is. It says the same of packets, but
    /// hands each through results that hold all there could be, which takes longer than to read it.
    #[inline]
    pub fn usual(&mut self, bytes: &[u8], packet: &mut Packet) -> bool {
        let read = match &self.state {
            State::Classic(classic) => classic.usual(bytes, packet),
            State::PcapNg(section) => packets::plain(bytes, section).is_some_and(|plain| {
                self.last = plain.ts;
                *packet = plain;
                true
            }),
            State::Start(_) => false,
        };
        self.packets += u64::from(read);
        read
    }

    /// The frame at the start of `bytes` with what it starts with and the length of its record, if there is one, whole and with
    /// nothing special about it. It is not taken for read.
    #[inline]
    #[must_use]
    pub fn likely<'b>(&self, bytes: &'b [u8]) -> Option<(u32, LinkType, &'b [u8])> {
        match &self.state {
            State::Classic(classic) => classic.likely(bytes),
            State::PcapNg(section) => {
                packets::plain(bytes, section).map(|packet| (packet.used, packet.link, packet.frame(bytes)))
            }
            State::Start(_) => None,
        }
    }

    /// Reads what stands at the start of `bytes`. After an error there is no going on.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let number = self.packets + 1;
        let step = match &self.state {
            State::Classic(classic) => classic.step(bytes, number)?,
            State::PcapNg(section) => {
                if let Some(packet) = packets::plain(bytes, section) {
                    self.packets = number;
                    self.last = packet.ts;
                    return Ok(Step::Packet(packet));
                }
                let order = section.order;
                self.block(bytes, order, number)?
            }
            State::Start(Format::PcapNg) => self.block(bytes, ByteOrder::Big, number)?,
            State::Start(Format::Pcap { order, flavour }) => {
                let (order, flavour) = (*order, *flavour);
                let Some(header) = bytes.get(..FILE_HEADER) else {
                    return Ok(Step::Need { len: FILE_HEADER, part: Part::FileHeader, of: FILE_HEADER });
                };
                let (mut classic, mut interface) = Classic::from_header(order, flavour, header)?;
                if let Some(link) = self.forced {
                    classic.force_link(link);
                    interface.link = Some(link);
                }
                self.info.interfaces.push(interface);
                self.revision += 1;
                self.state = State::Classic(classic);
                Step::Other { used: FILE_HEADER }
            }
        };
        if let Step::Packet(_) = step {
            self.packets = number;
        }
        Ok(step)
    }

    fn block(&mut self, bytes: &[u8], order: ByteOrder, number: u64) -> Result<Step, Fault> {
        let block = match block::frame(bytes, order, number)? {
            Framed::Whole(block) => block,
            Framed::More(need) => return Ok(need),
        };
        let used = block.total;
        if block.kind == block::SECTION_HEADER {
            let lost = section::read_header(&block, &mut self.info.notes, &mut self.allowance)?;
            self.state = State::PcapNg(Section { order: block.order, interfaces: Vec::new() });
            self.changed(lost);
            return Ok(Step::Other { used });
        }
        let State::PcapNg(section) = &mut self.state else {
            return Err(Fault::new(0, "does not start with a section header"));
        };
        if matches!(block.kind, block::ENHANCED_PACKET | block::SIMPLE_PACKET | block::OLD_PACKET) {
            let read = packets::read(&block, section, number)?;
            return Ok(self.packet(read, used));
        }
        match block.kind {
            block::INTERFACE => {
                let described = section::read_interface(&block, &mut self.allowance)?;
                self.interface(described)?;
            }
            block::STATISTICS => match extras::read_statistics(&block, section) {
                Some(statistics) => self.statistics(statistics),
                None => {
                    if !std::mem::replace(&mut self.told.statistics, true) {
                        self.warn("statistics of an interface that was never declared are left out".to_owned());
                    }
                }
            },
            block::NAMES => {
                let lost = extras::read_names(&block, &mut self.info.notes, &mut self.allowance);
                self.changed(lost);
            }
            block::SECRETS => {
                let secrets = extras::read_secrets(&block, &mut self.allowance);
                let too_much = secrets.is_none();
                self.info.notes.secrets.extend(secrets);
                self.changed(Lost { too_much, ..Lost::default() });
            }
            // Its maker asks not to copy it.
            block::CUSTOM_NOT_COPIED => {}
            // Unknown and custom blocks are passed over by their length.
            _ => self.tell_lost(Lost { unknown: true, ..Lost::default() }),
        }
        Ok(Step::Other { used })
    }

    fn interface(&mut self, mut described: section::Described) -> Result<(), Fault> {
        if let Some(link) = self.forced {
            described.info.link = Some(link);
        }
        let global = self.info.interfaces.len();
        if global >= MAX_INTERFACES {
            return Err(Fault::new(0, format!("names more than {MAX_INTERFACES} interfaces")));
        }
        if !self.allowance.take(size_of::<crate::model::InterfaceInfo>()) {
            return Err(Fault::new(
                0,
                format!("names more than {global} interfaces, for which there is no memory (--max-memory)"),
            ));
        }
        if let State::PcapNg(section) = &mut self.state {
            let link = described.info.link.unwrap_or(LinkType::ETHERNET);
            let snaplen = described.info.snaplen.unwrap_or(0);
            section.interfaces.push(Interface { link, clock: described.clock, snaplen, global: global as u32 });
        }
        if described.clock.cannot_count_to_now() {
            self.warn(format!("the clock of interface {global} is too fine to count to a date: its times start in 1970"));
        }
        self.info.interfaces.push(described.info);
        self.changed(described.lost);
        Ok(())
    }

    /// Not announced: counters are for the end, and a file may repeat them without end.
    fn statistics(&mut self, read: extras::Statistics) {
        let mut lost = read.lost;
        if let Some(interface) = self.info.interfaces.get_mut(read.interface) {
            interface.counters = Some(read.counters);
            if interface.counter_comments != read.comments {
                let bytes = read.comments.iter().map(|c| c.len() + 64).sum();
                lost.too_much |= !self.allowance.take(bytes);
                interface.counter_comments = if lost.too_much { Vec::new() } else { read.comments };
            }
        }
        self.tell_lost(lost);
    }

    fn packet(&mut self, read: packets::Read, used: usize) -> Step {
        let (mut packet, timed, undeclared, dropped, malformed) = match read {
            packets::Read::Packet { packet, timed, undeclared, dropped, malformed } => {
                (packet, timed, undeclared, dropped, malformed)
            }
            packets::Read::NoInterface => {
                if !std::mem::replace(&mut self.told.no_interface, true) {
                    self.warn("packets of a section that declares no interface are left out".to_owned());
                }
                return Step::Other { used };
            }
        };
        if timed {
            self.last = packet.ts;
        } else {
            packet.ts = self.last;
            self.no_time();
        }
        if let Some(dropped) = dropped {
            self.dropped = Some(self.dropped.unwrap_or(0).saturating_add(dropped));
        }
        if let Some(id) = undeclared
            && !std::mem::replace(&mut self.told.undeclared, true)
        {
            let number = self.packets + 1;
            self.warn(format!(
                "packet {number} names interface {id}, which was never declared: such packets are read as interface 0's"
            ));
        }
        if malformed {
            self.malformed_option();
        }
        Step::Packet(packet)
    }

    fn no_time(&mut self) {
        self.timeless += 1;
        if self.timeless == 1 {
            self.timeless_warning = Some(self.info.warnings.len());
            self.warn(format!("packet {} has no time: such packets bear that of the packet before", self.packets + 1));
        }
    }

    /// The file is over: what could not be counted before is told.
    pub fn end(&mut self) {
        if let Some(warning) = self.timeless_warning.take().and_then(|i| self.info.warnings.get_mut(i)) {
            let (n, before) = (self.timeless, "they bear that of the packet before (1970 where there is none)");
            *warning = format!("packets without a time of their own: {n}; {before}");
            self.revision += 1;
        }
    }

    fn malformed_option(&mut self) {
        if !std::mem::replace(&mut self.told.options, true) {
            self.warn("some options or names are left out: they do not fit into their block or have a wrong length".to_owned());
        }
    }

    fn changed(&mut self, lost: Lost) {
        self.revision += 1;
        self.tell_lost(lost);
    }

    fn tell_lost(&mut self, lost: Lost) {
        if lost.malformed {
            self.malformed_option();
        }
        if lost.too_much && !std::mem::replace(&mut self.told.too_much, true) {
            self.warn("comments, names or secrets are damaged or take more than 64 MiB: some are left out".to_owned());
        }
        if lost.unknown && !std::mem::replace(&mut self.told.unknown, true) {
            self.warn("custom or unknown blocks or options stand beside the packets: a copy lacks them".to_owned());
        }
    }

    fn warn(&mut self, what: String) {
        if self.info.warnings.len() < MAX_WARNINGS {
            self.info.warnings.push(what);
            self.revision += 1;
        }
    }
}
