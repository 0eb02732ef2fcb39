//! A connection whose peer has said everything already: bytes that arrive in pieces, with the
//! pauses that a socket has, and bytes that are taken in pieces.

use std::io::{self, ErrorKind, Read, Write};

/// What arrives, what was sent, and how both are cut.
pub struct Wire {
    incoming: Vec<u8>,
    read: usize,
    /// All that was written.
    pub sent: Vec<u8>,
    cuts: Vec<u8>,
    turn: usize,
}

impl Wire {
    /// `incoming` is what the peer says before it closes. Each of `cuts` in turn, over and over,
    /// is one read or write: 0 to 2 is a pause of one of three kinds, and any other number is
    /// how many bytes go through, ×8 from 128 on. No cuts, or two pauses in a row, let through
    /// what is asked for.
    #[must_use]
    pub fn new(incoming: Vec<u8>, cuts: &[u8]) -> Self {
        Self {
            incoming,
            read: 0,
            sent: Vec::new(),
            cuts: cuts.to_vec(),
            turn: 0,
        }
    }

    fn next_cut(&mut self, asked: usize, may_pause: bool) -> io::Result<usize> {
        let at = |turn: usize| self.cuts.get(turn % self.cuts.len().max(1)).copied();
        let (cut, before) = (at(self.turn), at(self.turn.wrapping_sub(1)));
        let may_pause = may_pause && before.is_none_or(|cut| cut > 2);
        self.turn += 1;
        match cut {
            Some(0) if may_pause => Err(ErrorKind::WouldBlock.into()),
            Some(1) if may_pause => Err(ErrorKind::TimedOut.into()),
            Some(2) if may_pause => Err(ErrorKind::Interrupted.into()),
            Some(cut @ 3..128) => Ok(asked.min(cut.into())),
            Some(cut @ 128..) => Ok(asked.min(usize::from(cut) * 8)),
            _ => Ok(asked),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.next_cut(buffer.len(), true)?;
        let rest = &self.incoming[self.read..];
        let len = len.min(rest.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.next_cut(bytes.len(), false)?;
        self.sent.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
