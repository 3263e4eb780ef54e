//! A pair of sockets that carry whole messages (`SOCK_SEQPACKET`), and descriptors beside them. Source: unix(7).

use super::protocol::LONGEST;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One end.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came<'a> {
    /// A message.
    Message(&'a [u8]),
    /// More than a message can be.
    TooLong,
    /// The other end is gone.
    End,
}

/// Room for a message.
pub(super) type Room = [u8; LONGEST];

impl Channel {
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Sends a message. Waits while the other end has not read what came before.
    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        retry_on_intr(|| send(&self.0, message, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Sends a message if there is room for it now; the channel must be set not to wait. False: there is none. By write(2),
    /// which a sandbox is more likely to allow.
    pub(super) fn write_now(&self, message: &[u8]) -> io::Result<bool> {
        match retry_on_intr(|| rustix::io::write(&self.0, message)) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a message and a descriptor.
    pub(super) fn send_with(&self, message: &[u8], fd: BorrowedFd<'_>) -> io::Result<()> {
        let fds = [fd];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("no room for a descriptor"));
        }
        retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(message)], &mut beside, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Waits for a message. Descriptors that came with it are closed by the kernel.
    pub(super) fn receive<'r>(&self, room: &'r mut Room) -> io::Result<Came<'r>> {
        let got = retry_on_intr(|| recv(&self.0, &mut room[..], RecvFlags::TRUNC));
        Self::came(got.map(|(_, len)| len), room)
    }

    /// A message that is there already; nothing when there is none.
    pub(super) fn receive_now<'r>(&self, room: &'r mut Room) -> io::Result<Option<Came<'r>>> {
        match retry_on_intr(|| recv(&self.0, &mut room[..], RecvFlags::TRUNC | RecvFlags::DONTWAIT)) {
            Err(Errno::AGAIN) => Ok(None),
            got => Self::came(got.map(|(_, len)| len), room).map(Some),
        }
    }

    /// Waits for a message and a descriptor that may come with it.
    pub(super) fn receive_with<'r>(&self, room: &'r mut Room) -> io::Result<(Came<'r>, Option<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut room[..])], &mut beside, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                // It went before it had read what was asked.
                Err(Errno::CONNRESET) => return Ok((Came::End, None)),
                got => break got?,
            }
        };
        let mut fd = None;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                fd = fds.last();
            }
        }
        let len = if got.flags.contains(ReturnFlags::TRUNC) { LONGEST + 1 } else { got.bytes };
        Ok((Self::came(Ok(len), room)?, fd))
    }

    /// Is the other end gone?
    pub(super) fn is_at_its_end(&self) -> bool {
        let mut fds = [PollFd::new(self, PollFlags::empty())];
        let asked = retry_on_intr(|| poll(&mut fds, Some(&Timespec::default())));
        asked.is_err() || fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
    }

    /// Ends it for both sides: who waits for a message gets the end.
    pub(super) fn end(&self) {
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both);
    }

    fn came(len: Result<usize, Errno>, room: &Room) -> io::Result<Came<'_>> {
        match len {
            Ok(0) | Err(Errno::CONNRESET) => Ok(Came::End),
            Ok(len) => Ok(room.get(..len).map_or(Came::TooLong, Came::Message)),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn messages_stay_whole_and_long_ones_are_none() {
        let (one, other) = Channel::pair().unwrap();
        let mut room = [0; LONGEST];
        assert_eq!(other.receive_now(&mut room).unwrap(), None);
        one.send(b"one").unwrap();
        one.send(&[7; LONGEST]).unwrap();
        one.send(&[7; LONGEST + 1]).unwrap();
        one.send(&[7; LONGEST + 1]).unwrap();
        one.send(b"two").unwrap();
        assert_eq!(other.receive(&mut room).unwrap(), Came::Message(b"one"));
        assert_eq!(other.receive(&mut room).unwrap(), Came::Message(&[7; LONGEST]));
        assert_eq!(other.receive(&mut room).unwrap(), Came::TooLong);
        assert_eq!(other.receive_with(&mut room).unwrap().0, Came::TooLong);
        assert_eq!(other.receive_now(&mut room).unwrap(), Some(Came::Message(b"two")));
        drop(one);
        assert_eq!(other.receive(&mut room).unwrap(), Came::End);
        assert!(other.send(b"three").is_err());
    }

    #[test]
    fn a_descriptor_comes_along() {
        let (one, other) = Channel::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"kept").unwrap();
        one.send_with(b"here", file.as_fd()).unwrap();
        one.send(b"alone").unwrap();
        drop(file);
        let mut room = [0; LONGEST];
        let (came, fd) = other.receive_with(&mut room).unwrap();
        assert_eq!(came, Came::Message(b"here"));
        let mut file = File::from(fd.unwrap());
        std::io::Seek::rewind(&mut file).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "kept");
        assert!(matches!(other.receive_with(&mut room).unwrap(), (Came::Message(b"alone"), None)));
    }

    #[test]
    fn a_full_channel_is_not_waited_for() {
        let (one, _other) = Channel::pair().unwrap();
        rustix::io::ioctl_fionbio(&one, true).unwrap();
        let sent = std::iter::from_fn(|| one.write_now(&[0; 64]).unwrap().then_some(())).take(1 << 20).count();
        assert!((1..1 << 20).contains(&sent), "{sent}");
    }
}
