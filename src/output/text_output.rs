//! Where text goes: standard output or a file, gathered into large writes, each of them checked, the close as well. The rules for
//! files that exist are those of [`super::target`], the same as for capture files.

use super::files::{Files, Here};
use super::target::Target;
use super::write_error::WriteError;
use std::io::{self, Write};
use std::path::Path;

/// Bytes gathered before they are written.
const GATHER: usize = 64 << 10;

/// An opened output for text. Its errors hold a [`WriteError`] that names the file.
#[derive(Debug)]
pub struct TextOutput {
    target: Target,
    gathered: Vec<u8>,
    /// A write failed: nothing more is tried.
    failed: bool,
}

impl TextOutput {
    /// Creates the file; `-` is standard output. A file that exists is overwritten only with `force`, one of those being read
    /// (`reading`: device and inode) never. This destroys what was in the file: to be called when all arguments are known to be good.
    pub fn open(path: &Path, force: bool, reading: &[(u64, u64)], files: &dyn Files) -> Result<Self, WriteError> {
        let target = Target::open(path, force, reading, files)?;
        Ok(Self { target, gathered: Vec::with_capacity(GATHER + 4096), failed: false })
    }

    /// Standard output.
    pub fn stdout() -> Result<Self, WriteError> {
        Self::open(Path::new("-"), false, &[], &Here)
    }

    /// Writes what is gathered and closes the file; a disk may be found to be full only now. After a failed write there is
    /// nothing more to tell.
    pub fn close(mut self) -> Result<(), WriteError> {
        if self.failed {
            return Ok(());
        }
        self.hand_on()?;
        self.target.close().map_err(|error| self.target.cannot("closing", error))
    }

    fn hand_on(&mut self) -> Result<(), WriteError> {
        let done = self.target.write(&self.gathered).map_err(|broken| broken.error);
        self.gathered.clear();
        done.map_err(|error| {
            self.failed = true;
            self.target.cannot("writing", error)
        })
    }
}

impl Write for TextOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        Ok(self.hand_on()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn text_arrives_whole_and_errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let text = "id,state\n".repeat(20_000);
        let mut out = TextOutput::open(&path, false, &[], &Here).unwrap();
        out.write_all(text.as_bytes()).unwrap();
        out.close().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert!(matches!(TextOutput::open(&path, false, &[], &Here), Err(WriteError::Exists { .. })));
        let mut full = TextOutput::open(Path::new("/dev/full"), false, &[], &Here).unwrap();
        full.write_all(b"x").unwrap();
        let error = full.flush().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write /dev/full: No space left on device (os error 28)");
        assert!(full.write(b"y").is_err());
        full.close().unwrap();
    }
}
