//! The bounded queue between a run and the thread that writes an output: capture never waits for the terminal, the disk or
//! a slow pipe. One thread and one writer for each output.
//!
//! It does not know what it carries. Whoever fills it asks [`Queue::has_room`] before making something, and counts what it leaves
//! out; of files nothing is left out, there the queue waits.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Buffers that are kept for use again.
const SPARES: usize = 8;
/// How often a wait looks whether anything moves.
const LOOK: Duration = Duration::from_millis(50);

/// Writes what comes out of a queue, in a thread of its own.
pub trait Consumer: Send + 'static {
    /// What it takes.
    type Item: Send + 'static;

    /// Writes an item. May give back its buffer, to be used again. After an error nothing more is handed to it but
    /// through [`Self::skip`].
    fn take(&mut self, item: Self::Item) -> io::Result<Option<Vec<u8>>>;

    /// An item that comes after an error: only counted.
    fn skip(&mut self, _item: Self::Item) {}

    /// Puts an item behind one that still waits, so that many small ones take no more room than what is in them. Gives back
    /// the buffer that came empty by it, or the item where the two are to stay apart.
    fn join(_waiting: &mut Self::Item, item: Self::Item) -> Result<Vec<u8>, Self::Item> {
        Err(item)
    }
}

/// How far a consumer is, for those who wait for it: anything that grows while it writes.
pub type Moved = AtomicU64;

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait for room: the source can wait, too.
    Wait,
    /// Have no room: the source goes on.
    Refuse,
}

/// A bounded queue, and the thread that empties it.
#[derive(Debug)]
pub struct Queue<C: Consumer> {
    shared: Arc<Shared<C::Item>>,
    thread: Option<JoinHandle<C>>,
    most: usize,
    full: WhenFull,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// Something came, or the end.
    filled: Condvar,
    /// Something was written, or nothing will be any more.
    emptied: Condvar,
    /// Bytes that wait, and those of the item that is being written.
    bytes: AtomicUsize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    /// The thread waits for an item.
    idle: bool,
    /// The thread has ended.
    done: bool,
    spares: Vec<Vec<u8>>,
    ended: bool,
    /// Of the consumer, until it was told.
    error: Option<io::Error>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Consumer> Queue<C> {
    /// Starts the thread. `most`: bytes that may wait, beside one item that is always taken.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(consumer: C, most: usize, full: WhenFull) -> io::Result<Self> {
        let state = State { items: VecDeque::new(), idle: false, done: false, spares: Vec::new(), ended: false, error: None };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            bytes: AtomicUsize::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || empty(consumer, &theirs))?;
        Ok(Self { shared, thread: Some(thread), most, full })
    }

    /// Is there room for another item? Where the queue [waits](WhenFull::Wait), it does so here, and there is. Cheap where it does
    /// not wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        if self.waiting() <= self.most {
            return true;
        }
        if self.full == WhenFull::Wait {
            let state = self.shared.lock();
            let full = |state: &mut State<_>| self.waiting() > self.most && state.error.is_none();
            drop(self.shared.emptied.wait_while(state, full).unwrap_or_else(PoisonError::into_inner));
        }
        self.waiting() <= self.most
    }

    /// Bytes that wait to be written, those being written among them. Cheap.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Waits until at most so many bytes wait, as long as something moves. False: nothing did for `patience`.
    #[must_use]
    pub fn wait_for_room(&self, most: usize, patience: Duration, moved: &Moved) -> bool {
        self.wait_while_it_moves(patience, moved, |state| self.waiting() <= most || state.error.is_some())
    }

    fn wait_while_it_moves(&self, patience: Duration, moved: &Moved, is: impl Fn(&State<C::Item>) -> bool) -> bool {
        let how_far = || (moved.load(Ordering::Relaxed), self.waiting());
        let mut state = self.shared.lock();
        let (mut last, mut still) = (how_far(), Duration::ZERO);
        while !is(&state) {
            let (back, waited) = self.shared.emptied.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
            state = back;
            let now = how_far();
            if now != last {
                (last, still) = (now, Duration::ZERO);
            } else if waited.timed_out() {
                still += LOOK;
                if still >= patience {
                    return is(&state);
                }
            }
        }
        true
    }

    /// Waits until all that was handed over is written.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn settle(&self) -> io::Result<()> {
        let mut state = self.shared.lock();
        while self.waiting() > 0 && state.error.is_none() {
            state = self.shared.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.error.take().map_or(Ok(()), Err)
    }

    /// Did the consumer fail since the last look?
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn check(&self) -> io::Result<()> {
        self.shared.lock().error.take().map_or(Ok(()), Err)
    }

    /// Hands over an item that takes so many bytes, whether there is room or not.
    ///
    /// # Errors
    /// The error of the consumer, once; it may be of an earlier item. This item is handed over all the same.
    pub fn push(&self, item: C::Item, bytes: usize) -> io::Result<()> {
        let bytes = bytes.max(1);
        let mut state = self.shared.lock();
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        let apart = match state.items.back_mut() {
            Some((waiting, of)) => match C::join(waiting, item) {
                Ok(buffer) => {
                    *of += bytes;
                    state.keep(buffer);
                    None
                }
                Err(item) => Some(item),
            },
            None => Some(item),
        };
        if let Some(item) = apart {
            state.items.push_back((item, bytes));
        }
        let error = state.error.take();
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.shared.filled.notify_one();
        }
        error.map_or(Ok(()), Err)
    }

    /// An empty buffer, if possible one that was used before.
    #[must_use]
    pub fn buffer(&self) -> Vec<u8> {
        self.shared.lock().spares.pop().unwrap_or_default()
    }

    /// Waits until all is written, and gives back the consumer, with its error if that was not told yet.
    ///
    /// # Panics
    /// If the consumer did.
    #[must_use]
    pub fn close(mut self) -> Option<(C, io::Result<()>)> {
        self.end().map(|consumer| {
            let error = self.shared.lock().error.take();
            (consumer, error.map_or(Ok(()), Err))
        })
    }

    /// As [`Self::close`], as long as something moves: when nothing did for `patience`, the thread is left alone with what it
    /// hangs in, and there is nothing to give back.
    #[must_use]
    pub fn close_while_it_moves(mut self, patience: Duration, moved: &Moved) -> Option<(C, io::Result<()>)> {
        self.shared.lock().ended = true;
        self.shared.filled.notify_one();
        if self.wait_while_it_moves(patience, moved, |state| state.done) {
            return self.close();
        }
        self.thread = None;
        None
    }

    fn end(&mut self) -> Option<C> {
        self.shared.lock().ended = true;
        self.shared.filled.notify_one();
        self.thread.take()?.join().map_err(std::panic::resume_unwind).ok()
    }
}

impl<T> State<T> {
    /// Keeps a buffer to be used again.
    fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.spares.len() < SPARES {
            buffer.clear();
            self.spares.push(buffer);
        }
    }
}

/// Tells those who wait that the thread has ended, also when it panics.
struct Ends<'a, T>(&'a Shared<T>);

impl<T> Drop for Ends<'_, T> {
    fn drop(&mut self) {
        self.0.lock().done = true;
        self.0.emptied.notify_all();
    }
}

impl<C: Consumer> Drop for Queue<C> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread: writes until the end.
fn empty<C: Consumer>(mut consumer: C, shared: &Shared<C::Item>) -> C {
    let _ends = Ends(shared);
    let mut failed = false;
    loop {
        let mut state = shared.lock();
        let (item, bytes) = loop {
            if let Some(first) = state.items.pop_front() {
                break first;
            }
            if state.ended {
                return consumer;
            }
            state.idle = true;
            state = shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        let done = if failed {
            consumer.skip(item);
            Ok(None)
        } else {
            consumer.take(item)
        };
        let mut state = shared.lock();
        shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
        match done {
            Ok(Some(buffer)) => state.keep(buffer),
            Ok(None) => {}
            Err(error) => {
                failed = true;
                state.error = Some(error);
            }
        }
        drop(state);
        shared.emptied.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Writes only when told to, and fails at an empty item.
    struct Slow {
        go: Receiver<()>,
        written: Vec<u8>,
        skipped: usize,
    }

    impl Consumer for Slow {
        type Item = Vec<u8>;

        fn take(&mut self, item: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
            self.go.recv().map_err(io::Error::other)?;
            if item.is_empty() {
                return Err(io::Error::other("empty"));
            }
            self.written.extend_from_slice(&item);
            Ok(Some(item))
        }

        fn skip(&mut self, _: Vec<u8>) {
            self.skipped += 1;
        }
    }

    fn slow(most: usize, full: WhenFull) -> (Queue<Slow>, Sender<()>) {
        let (go, wait) = channel();
        (Queue::start(Slow { go: wait, written: Vec::new(), skipped: 0 }, most, full).unwrap(), go)
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_the_order() {
        let (queue, go) = slow(8, WhenFull::Refuse);
        assert!(queue.has_room());
        queue.push(vec![1; 6], 6).unwrap();
        assert!(queue.has_room());
        queue.push(vec![2; 6], 6).unwrap();
        assert!(!queue.has_room(), "what is being written counts");
        for _ in 0..2 {
            go.send(()).unwrap();
        }
        let (slow, done) = queue.close().unwrap();
        done.unwrap();
        assert_eq!(slow.written, [vec![1; 6], vec![2; 6]].concat());
    }

    #[test]
    fn an_error_is_told_once_and_what_follows_is_skipped() {
        let (queue, go) = slow(8, WhenFull::Refuse);
        go.send(()).unwrap();
        queue.push(Vec::new(), 1).unwrap();
        queue.push(vec![3], 1).ok();
        queue.push(vec![4], 1).ok();
        let (slow, _) = queue.close().unwrap();
        assert_eq!((slow.written.len(), slow.skipped), (0, 2));
    }

    #[test]
    fn a_queue_that_waits_has_room_in_the_end() {
        let (queue, go) = slow(4, WhenFull::Wait);
        for i in 0..100_u8 {
            go.send(()).unwrap();
            assert!(queue.has_room());
            queue.push(vec![i + 1; 3], 3).unwrap();
        }
        let (slow, _) = queue.close().unwrap();
        assert_eq!(slow.written.len(), 300);
    }

    #[test]
    fn who_moves_is_waited_for_and_who_does_not_is_left() {
        let moved = Moved::new(0);
        let patience = Duration::from_millis(200);
        let (queue, go) = slow(4, WhenFull::Refuse);
        for _ in 0..5 {
            queue.push(vec![7; 3], 3).unwrap();
        }
        assert!(!queue.wait_for_room(4, patience, &moved), "nobody writes");
        let writes = std::thread::spawn(move || {
            for _ in 0..5 {
                std::thread::sleep(Duration::from_millis(60));
                go.send(()).unwrap();
            }
            go
        });
        let long = Duration::from_secs(5);
        assert!(queue.wait_for_room(4, long, &moved), "five times 60 ms, and each time something moved");
        let go = writes.join().unwrap();
        queue.push(vec![8; 3], 3).unwrap();
        assert!(queue.close_while_it_moves(patience, &moved).is_none());
        drop(go);
    }

    #[test]
    fn small_items_are_put_together_while_they_wait() {
        struct Joining(Receiver<()>, Vec<usize>);
        impl Consumer for Joining {
            type Item = Vec<u8>;

            fn take(&mut self, item: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
                self.0.recv().map_err(io::Error::other)?;
                self.1.push(item.len());
                Ok(Some(item))
            }

            fn join(waiting: &mut Vec<u8>, item: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
                if waiting.len() + item.len() > 10 {
                    return Err(item);
                }
                waiting.extend_from_slice(&item);
                Ok(item)
            }
        }
        let (go, wait) = channel();
        let queue = Queue::start(Joining(wait, Vec::new()), 1000, WhenFull::Refuse).unwrap();
        for _ in 0..41 {
            queue.push(vec![1; 3], 3).unwrap();
        }
        assert_eq!(queue.waiting(), 123);
        for _ in 0..41 {
            let _ = go.send(());
        }
        let (joining, _) = queue.close().unwrap();
        assert_eq!(joining.1.iter().sum::<usize>(), 123);
        assert!(joining.1.len() <= 16 && joining.1.iter().all(|len| *len <= 10), "{:?}", joining.1);
    }
}
