//! The line to the driver: commands come in, answers go out, and a file always holds the seed that is being run.

use crate::env::DriveAddress;
use crate::seed::Seed;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

/// An open line.
pub(super) struct Channel {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Channel {
    /// Calls the driver and says the word that it waits for.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn open(address: &DriveAddress) -> io::Result<Channel> {
        let writer = TcpStream::connect(address.socket)?;
        // An answer is a whole: there is nothing to wait for before it is sent.
        writer.set_nodelay(true)?;
        let reader = BufReader::new(writer.try_clone()?);
        let mut channel = Channel { reader, writer };
        channel.say(address.word.clone())?;
        Ok(channel)
    }

    /// The next command; `None` when the driver has hung up.
    pub fn hear(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line)?;
        Ok((length > 0).then(|| line.trim_end().to_string()))
    }

    /// Sends one line.
    pub fn say(&mut self, mut line: String) -> io::Result<()> {
        line.push('\n');
        self.writer.write_all(line.as_bytes())
    }
}

/// The place where the driver looks which seed a process was at when it died.
pub(super) struct Mark(Option<File>);

impl Mark {
    /// Without a file nothing is marked; the driver asked for none, or it is gone.
    pub fn open(address: &DriveAddress) -> Mark {
        let file = address.mark.as_ref().and_then(|path| OpenOptions::new().write(true).open(path).ok());
        Mark(file)
    }

    /// The run of `seed` is next. One system call, so that even a process that is killed has said it.
    pub fn put(&self, seed: Seed) {
        if let Some(file) = &self.0 {
            // Its eight bytes were written when it was made: a full disk does not matter.
            let _ = write_at_start(file, &seed.get().to_le_bytes());
        }
    }
}

#[cfg(unix)]
fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(0))?;
    file.write_all(bytes)
}
