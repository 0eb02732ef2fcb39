//! Where results are written: standard output, whose reader may go away.
//!
//! Invariant: a reader that has seen enough (`tmkms key show FILE | head -1`) is no error, and
//! never ends a command half way. Any other trouble, a full disk say, is one.

use std::io::{self, ErrorKind, Write};

/// A writer that drops what nobody reads any more.
#[derive(Debug)]
pub struct Output<W>(W);

impl<W: Write> Output<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self(inner)
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            Err(e) => Err(told(&e)),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(e) => Err(told(&e)),
            flushed => flushed,
        }
    }
}

fn told(error: &io::Error) -> io::Error {
    let text = format!("cannot write to standard output: {error}");
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let mut output = Output::new(Failing(ErrorKind::BrokenPipe));
        output.write_all(b"text").unwrap();
        output.flush().unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut output = Output::new(Failing(ErrorKind::StorageFull));
        let error = output.write_all(b"text").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write to standard output: no storage space"
        );
        assert!(output.flush().is_err());
    }
}
