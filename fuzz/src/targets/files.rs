//! Damaged files of the embedded store: a file opens with all that was in it, or is refused as damaged.
//!
//! An input is a list of edits of a whole file: `position, of 65,536 parts of the file u16 | kind u8 | piece`.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use redb::StorageBackend;
use txetcd::embedded::Store;
use txetcd::{Client, KeySet};

use super::input::{Input, push_piece};
use crate::Target;

pub(super) const FILES: Target =
    // The store reads its file into a cache.
    Target { name: "files", memory: 64 << 20, valid, run };

const KEYS: usize = 59;

fn valid(rng: &mut Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..rng.usize(0..3) {
        input.extend(rng.u16(..).to_be_bytes());
        input.push(rng.u8(..));
        let piece: Vec<u8> = (0..rng.usize(1..40)).map(|_| rng.u8(..)).collect();
        push_piece(&mut input, &piece);
    }
    input
}

fn run(edits: &[u8]) -> bool {
    let mut file = whole().to_vec();
    let mut input = Input(edits);
    while !input.is_empty() {
        let part = usize::from(u16::from_be_bytes([input.byte(), input.byte()]));
        edit(&mut file, part, input.byte(), input.piece());
    }
    if file.is_empty() {
        return false; // In memory, an empty file is a new one; on disk it is refused.
    }
    let is_whole = file == whole();
    match Store::builder().backend(Memory::holding(file)) {
        Ok(store) => {
            assert!(content(&store) == expected(), "something is missing");
            true
        }
        Err(error) => {
            assert!(error.is_corrupt() && !is_whole, "{error}");
            false
        }
    }
}

fn edit(file: &mut Vec<u8>, part: usize, kind: u8, piece: &[u8]) {
    let at = file.len() * part / 65_536;
    let end = file.len().min(at + piece.len());
    match kind % 5 {
        0 => file[at..end].copy_from_slice(&piece[..end - at]),
        1 => file[at..end].iter_mut().zip(piece).for_each(|(byte, flip)| *byte ^= flip),
        2 => file.truncate(at),
        3 => drop(file.drain(at..end)),
        _ => drop(file.splice(at..at, piece.iter().copied())),
    }
}

fn expected() -> Vec<(Vec<u8>, Vec<u8>)> {
    (1..=KEYS).map(|number| (format!("key {number:02}").into_bytes(), vec![b'v'; 300])).collect()
}

/// Everything in the store, which then takes a write.
fn content(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    work(async {
        // The writer's clock is that of the machine, which may do something else.
        let client = Client::builder().store(store).request_timeout(Duration::from_secs(3_600));
        let client = client.connect().await.expect("connects");
        let found = client.get(KeySet::prefix("key")).await.expect("it was verified").into_kvs();
        client.put("another", "").await.expect("it takes writes");
        found.into_iter().map(|kv| (kv.key().to_vec(), kv.value().to_vec())).collect()
    })
}

/// A file with keys, a lease, and a past.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let memory = Memory::default();
        let store = Store::builder().backend(memory.clone()).expect("a store");
        work(async {
            let client = Client::builder().store(&store).connect().await.expect("connects");
            client.lease(Duration::from_secs(600)).await.expect("a lease");
            for (key, value) in expected() {
                client.put(key, value).await.expect("a put");
            }
            client.put("gone", "").await.expect("a put");
            client.delete("gone").await.expect("a deletion");
        });
        drop(store);
        memory.lock().clone()
    })
}

/// With a clock that goes on, since the writer of such a store is a thread.
fn work<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

/// A file in memory.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.lock();
        let found = at.checked_add(out.len()).and_then(|end| bytes.get(at..end));
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let mut bytes = self.lock();
        let found = at.checked_add(data.len()).and_then(|end| bytes.get_mut(at..end));
        found.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}
