//! The floor: what no durable signer can go below on this machine. For each request it reads
//! a frame, writes 512 bytes into a preallocated file in place, syncs the file's data, makes one
//! Ed25519 signature and writes a frame. It checks nothing, encrypts nothing and logs nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use secret_connection::SEALED_FRAME_LEN;

use crate::client::Stream;
use crate::error::BenchError;
use crate::options::FloorOptions;
use crate::requests::FLOOR_SIGN_BYTES;

/// What is written per request: one sector.
const RECORD_LEN: usize = 512;

/// The size of the preallocated file: the ring of our signer has about as many blocks.
const FILE_LEN: usize = 64 * 1024;

/// Serves all nodes until the process is ended.
pub(crate) fn serve(options: &FloorOptions) -> Result<(), BenchError> {
    let nodes = fs::read_to_string(&options.nodes).map_err(BenchError::file(&options.nodes))?;
    let key = Arc::new(read_key(&options.key)?);
    let mut last: Option<(&str, Arc<Mutex<File>>)> = None;
    for line in nodes.lines() {
        let (chain, address) = line.split_once(' ').unwrap_or((line, ""));
        let file = match &last {
            Some((same, file)) if *same == chain => file.clone(),
            _ => Arc::new(Mutex::new(preallocated(&options.state.join(chain))?)),
        };
        last = Some((chain, file.clone()));
        let (stream, key) = (dial(address)?, key.clone());
        thread::spawn(move || answer_all(stream, &file, &key));
    }
    loop {
        thread::park();
    }
}

fn answer_all(mut stream: Box<dyn Stream>, file: &Mutex<File>, key: &SigningKey) -> io::Result<()> {
    let mut frame = [0; SEALED_FRAME_LEN];
    loop {
        stream.read_exact(&mut frame)?;
        let (message, _) = frame.split_at(FLOOR_SIGN_BYTES);
        let (record, _) = frame.split_at(RECORD_LEN);
        {
            let file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all_at(record, 0)?;
            file.sync_data()?;
        }
        let signature = key.sign(message).to_bytes();
        for (to, from) in frame.iter_mut().zip(signature) {
            *to = from;
        }
        stream.write_all(&frame)?;
    }
}

fn dial(address: &str) -> Result<Box<dyn Stream>, BenchError> {
    if let Some(path) = address.strip_prefix("unix://") {
        return Ok(Box::new(UnixStream::connect(path)?));
    }
    let stream = TcpStream::connect(address.trim_start_matches("tcp://"))?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Written with zeros and synced, so that later writes change no metadata that counts.
fn preallocated(path: &Path) -> Result<File, BenchError> {
    let open = || -> io::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if file.metadata()?.len() == 0 {
            file.write_all(&[0; FILE_LEN])?;
            file.sync_all()?;
        }
        Ok(file)
    };
    open().map_err(BenchError::file(path))
}

fn read_key(path: &Path) -> Result<SigningKey, BenchError> {
    let text = fs::read_to_string(path).map_err(BenchError::file(path))?;
    let seed = STANDARD.decode(text.trim()).ok();
    let seed = seed.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    seed.map(|seed| SigningKey::from_bytes(&seed))
        .ok_or_else(|| BenchError::program(path, &"it holds no seed"))
}
