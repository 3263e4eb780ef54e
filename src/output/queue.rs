//! The bounded queue between a run and the thread that writes an output: capture never waits for the terminal, the disk or
//! a slow pipe. One thread and one writer for each output.
//!
//! It does not know what it carries. Whoever fills it asks [`Queue::has_room`] before making something, and counts what it leaves
//! out; of files nothing is left out, there the queue waits.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Buffers that are kept for use again.
const SPARES: usize = 8;

/// Writes what comes out of a queue, in a thread of its own.
pub trait Consumer: Send + 'static {
    /// What it takes.
    type Item: Send + 'static;

    /// Writes an item. May give back its buffer, to be used again. After an error nothing more is handed to it but
    /// through [`Self::skip`].
    fn take(&mut self, item: Self::Item) -> io::Result<Option<Vec<u8>>>;

    /// An item that comes after an error: only counted.
    fn skip(&mut self, _item: Self::Item) {}
}

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
    /// Something was written.
    emptied: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    /// Bytes of those, and of the one that is being written.
    bytes: usize,
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
        let state = State { items: VecDeque::new(), bytes: 0, spares: Vec::new(), ended: false, error: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || empty(consumer, &theirs))?;
        Ok(Self { shared, thread: Some(thread), most, full })
    }

    /// Is there room for another item? Where the queue [waits](WhenFull::Wait), it does so here, and there is.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let mut state = self.shared.lock();
        while self.full == WhenFull::Wait && state.bytes > self.most && state.error.is_none() {
            state = self.shared.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes <= self.most
    }

    /// Waits until all that was handed over is written.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn settle(&self) -> io::Result<()> {
        let mut state = self.shared.lock();
        while state.bytes > 0 && state.error.is_none() {
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
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        let error = state.error.take();
        drop(state);
        self.shared.filled.notify_one();
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

    fn end(&mut self) -> Option<C> {
        self.shared.lock().ended = true;
        self.shared.filled.notify_one();
        self.thread.take()?.join().map_err(std::panic::resume_unwind).ok()
    }
}

impl<C: Consumer> Drop for Queue<C> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread: writes until the end.
fn empty<C: Consumer>(mut consumer: C, shared: &Shared<C::Item>) -> C {
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
        state.bytes -= bytes;
        match done {
            Ok(Some(mut buffer)) if state.spares.len() < SPARES => {
                buffer.clear();
                state.spares.push(buffer);
            }
            Ok(_) => {}
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
}
