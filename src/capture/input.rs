//! All sources of one run behind one door: a saved file, several of them merged in time order, or something live.

use super::file::{Advance, FileSource, Memory, OpenOptions, Unread};
use super::{Next, PacketSource, SourceError};
use crate::model::{Frame, LinkType, SourceInfo, SourceStats, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::Path;
use thiserror::Error;

/// Compressed files that are decompressed in threads of their own, at most.
const THREADS: usize = 8;
/// The smallest buffer of a file: the headers of a capture file, and a packet of usual length. It grows for what does not fit.
const LEAST_BUFFER: usize = 4 << 10;

/// One source of a run ended early. The others go on.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct Failed {
    /// Which: the `source` of its frames.
    pub source_index: u16,
    /// Why.
    pub error: SourceError,
}

/// What a run reads from.
pub struct Input(Kind);

enum Kind {
    One(Box<FileSource>),
    Merged(Merged),
    Live(Box<dyn PacketSource + Send>),
}

impl Input {
    /// Opens files; `-` is standard input. Packets of several files come in time order, those of equal time in the order of
    /// the files; within a file they keep the file's order even where its times run backwards.
    pub fn open<P: AsRef<Path>>(paths: &[P], options: &OpenOptions) -> Result<Self, SourceError> {
        // One after another: a small file gives its descriptor back before the next is opened.
        Self::start_each(paths.iter().map(|path| Unread::open(path.as_ref())), options)
    }

    /// Begins to read files that are open already, as [`Self::open`] does.
    pub fn start(files: Vec<Unread>, options: &OpenOptions) -> Result<Self, SourceError> {
        Self::start_each(files.into_iter().map(Ok), options)
    }

    fn start_each(
        files: impl ExactSizeIterator<Item = Result<Unread, SourceError>>,
        options: &OpenOptions,
    ) -> Result<Self, SourceError> {
        // Buffers of all files together stay at about 64 MiB, and threads few: merging hundreds of compressed files must
        // not start hundreds.
        // Of less memory, they take half of what is for buffers: the rest is for records that do not fit.
        let memory = Memory::divided(options.memory, files.len());
        let buffer = options.buffer.min((64 << 20).min(memory.left() / 2) / files.len().max(1)).max(LEAST_BUFFER);
        let options = OpenOptions { buffer, thread: options.thread && files.len() <= THREADS, ..*options };
        let sources: Result<Vec<_>, _> = files.map(|file| file?.start_with(&options, memory.clone())).collect();
        Self::files(sources?)
    }

    /// Reads these files, merged in time order. At most 65,536 of them.
    pub fn files(sources: Vec<FileSource>) -> Result<Self, SourceError> {
        if sources.len() > 1 << 16 {
            let interface = "files".to_owned();
            return Err(SourceError::Unsupported { interface, what: "more than 65,536 in one run".to_owned() });
        }
        let mut sources: Vec<_> = (0..=u16::MAX).zip(sources).map(|(i, source)| source.with_index(i)).collect();
        Ok(Self(match (sources.len(), sources.pop()) {
            (1, Some(only)) => Kind::One(Box::new(only)),
            (_, last) => {
                sources.extend(last);
                Kind::Merged(Merged::new(sources))
            }
        }))
    }

    /// Reads from something live.
    #[must_use]
    pub fn live(source: Box<dyn PacketSource + Send>) -> Self {
        Self(Kind::Live(source))
    }

    /// The next frame of any source. After a failure the other sources go on: call again, until [`Next::End`].
    #[inline]
    #[expect(clippy::should_implement_trait)] // its items borrow from it, which an iterator's cannot
    pub fn next(&mut self) -> Result<Next<'_>, Failed> {
        let first = |error| Failed { source_index: 0, error };
        match &mut self.0 {
            Kind::One(source) => {
                if source.advance_usual() {
                    return Ok(Next::Frame(source.frame()));
                }
                source.next().map_err(first)
            }
            Kind::Merged(merged) => merged.next(),
            Kind::Live(source) => source.next().map_err(first),
        }
    }

    /// The frame of a packet that [`Self::next`] will give soon, with its number; the next one each time it is asked, so many packets
    /// ahead at most. Only a single file can tell.
    #[inline]
    pub fn scout(&mut self, most: u64) -> Option<(u64, LinkType, &[u8])> {
        match &mut self.0 {
            Kind::One(source) => source.scout(most),
            Kind::Merged(_) | Kind::Live(_) => None,
        }
    }

    /// The frames that lie ready behind the one given last; see [`PacketSource::rest`].
    #[inline]
    pub fn rest(&mut self, most: u64, each: &mut dyn FnMut(&mut Frame<'_>) -> bool) -> u64 {
        match &mut self.0 {
            Kind::Live(source) => source.rest(most, each),
            Kind::One(_) | Kind::Merged(_) => 0,
        }
    }

    /// How many sources there are. Their frames bear the numbers from 0.
    #[must_use]
    pub fn sources(&self) -> usize {
        match &self.0 {
            Kind::One(_) | Kind::Live(_) => 1,
            Kind::Merged(merged) => merged.sources.len(),
        }
    }

    /// What is known of a source so far.
    #[must_use]
    pub fn info(&self, index: u16) -> Option<&SourceInfo> {
        match &self.0 {
            Kind::One(source) => (index == 0).then(|| source.info()),
            Kind::Live(source) => (index == 0).then(|| source.info()),
            Kind::Merged(merged) => merged.sources.get(usize::from(index)).map(PacketSource::info),
        }
    }

    /// What is known of all sources so far, in their order.
    pub fn infos(&self) -> impl Iterator<Item = &SourceInfo> {
        (0..=u16::MAX).map_while(|i| self.info(i))
    }

    /// Counters of a source so far.
    pub fn stats(&mut self, index: u16) -> Option<SourceStats> {
        match &mut self.0 {
            Kind::One(source) => (index == 0).then(|| FileSource::stats(source)),
            Kind::Live(source) => (index == 0).then(|| source.stats()),
            Kind::Merged(merged) => merged.sources.get_mut(usize::from(index)).map(|s| FileSource::stats(s)),
        }
    }

    /// Counters of all sources so far, in their order. Live, the kernel is asked for them.
    pub fn all_stats(&mut self) -> Vec<SourceStats> {
        (0..=u16::MAX).map_while(|index| self.stats(index)).collect()
    }

    /// As [`Self::all_stats`]; live, only the kernel is asked: see [`PacketSource::kernel_stats`].
    pub fn kernel_stats(&mut self) -> Vec<SourceStats> {
        match &mut self.0 {
            Kind::Live(source) => vec![source.kernel_stats()],
            Kind::One(_) | Kind::Merged(_) => self.all_stats(),
        }
    }

    /// Ends a live capture; see [`PacketSource::close_gate`].
    pub fn close_gate(&mut self) {
        if let Kind::Live(source) = &mut self.0 {
            source.close_gate();
        }
    }

    /// Ends a live capture at once; see [`PacketSource::skip_rest`].
    pub fn skip_rest(&mut self) {
        if let Kind::Live(source) = &mut self.0 {
            source.skip_rest();
        }
    }

    /// Bytes read of all sources, and of how many: for a progress bar. `None` where one of them is a pipe or live.
    /// The kernel is not asked for anything.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        match &self.0 {
            Kind::One(source) => source.progress(),
            Kind::Live(_) => (0, None),
            Kind::Merged(merged) => merged
                .sources
                .iter()
                .map(FileSource::progress)
                .fold((0, Some(0)), |sum, one| (sum.0 + one.0, sum.1.zip(one.1).map(|(sum, size)| sum + size))),
        }
    }

    /// Was a file read only in part, so far: bytes read of it, and of how many. `None`: to its end, or it is no file.
    #[must_use]
    pub fn part_read(&self, index: u16) -> Option<(u64, u64)> {
        match &self.0 {
            Kind::One(source) if index == 0 => source.part_read(),
            Kind::One(_) | Kind::Live(_) => None,
            Kind::Merged(merged) => merged.sources.get(usize::from(index))?.part_read(),
        }
    }

    /// May it have to wait for more: is it live, or one of its files a pipe? Then [`Self::next`] may say
    /// [`Next::Idle`].
    #[must_use]
    pub fn may_wait(&self) -> bool {
        match &self.0 {
            Kind::One(source) => source.may_wait(),
            Kind::Live(_) => true,
            Kind::Merged(merged) => merged.sources.iter().any(FileSource::may_wait),
        }
    }
}

/// Several files in time order. Each has its next packet in view in its own buffer; nothing is copied.
struct Merged {
    sources: Vec<FileSource>,
    /// Time of the packet in view, by source; earliest first, then by order of files.
    heads: BinaryHeap<Reverse<(Timestamp, u16)>>,
    /// The next source whose first packet is to be found.
    unstarted: usize,
    /// Is the packet of the earliest source handed out already?
    taken: bool,
}

impl Merged {
    fn new(sources: Vec<FileSource>) -> Self {
        Self { heads: BinaryHeap::with_capacity(sources.len()), sources, unstarted: 0, taken: false }
    }

    fn next(&mut self) -> Result<Next<'_>, Failed> {
        while let Some(source) = self.sources.get_mut(self.unstarted) {
            let index = self.unstarted as u16;
            self.unstarted += 1;
            match source.advance().map_err(|error| Failed { source_index: index, error })? {
                Advance::Packet => self.heads.push(Reverse((source.time(), index))),
                Advance::Nothing => {
                    self.unstarted -= 1;
                    return Ok(Next::Idle);
                }
                Advance::End if source.news() => return Ok(Next::Changed(index)),
                Advance::End => {}
            }
        }
        if std::mem::take(&mut self.taken)
            && let Some(mut head) = self.heads.peek_mut()
        {
            let index = head.0.1;
            let source = &mut self.sources[usize::from(index)];
            match source.advance() {
                Ok(Advance::Packet) => *head = Reverse((source.time(), index)),
                Ok(Advance::Nothing) => {
                    // The head stays as it is, and is asked again: what comes next cannot be told without it.
                    self.taken = true;
                    return Ok(Next::Idle);
                }
                Ok(Advance::End) => {
                    PeekMut::pop(head);
                    if source.news() {
                        return Ok(Next::Changed(index));
                    }
                }
                Err(error) => {
                    PeekMut::pop(head);
                    return Err(Failed { source_index: index, error });
                }
            }
        }
        let Some(&Reverse((_, index))) = self.heads.peek() else { return Ok(Next::End) };
        let source = &mut self.sources[usize::from(index)];
        if source.news() {
            return Ok(Next::Changed(index));
        }
        self.taken = true;
        Ok(Next::Frame(source.frame()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileNotes, LiveBackend, SourceKind};

    /// Asking it for counters is a system call.
    struct Dear {
        info: SourceInfo,
    }

    impl PacketSource for Dear {
        fn next(&mut self) -> Result<Next<'_>, SourceError> {
            Ok(Next::End)
        }
        fn info(&self) -> &SourceInfo {
            &self.info
        }
        fn stats(&mut self) -> SourceStats {
            panic!("asked for counters")
        }
    }

    #[test]
    fn progress_asks_a_live_source_nothing() {
        let info = SourceInfo {
            name: "eth0".to_owned(),
            kind: SourceKind::Live(LiveBackend::Pnet),
            interfaces: Vec::new(),
            warnings: Vec::new(),
            notes: FileNotes::default(),
            file_id: None,
        };
        let input = Input::live(Box::new(Dear { info }));
        assert_eq!((input.progress(), input.may_wait()), ((0, None), true));
    }
}
