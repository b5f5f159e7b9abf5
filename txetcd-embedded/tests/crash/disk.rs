//! [`Disk`]: a storage that remembers what is synced, and fails when it is told to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What a disk refuses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Limit {
    #[default]
    None,
    /// Every change from this one on, counted from the first.
    Crash(u64),
    /// What makes it longer than this.
    Full(u64),
}

/// What becomes of changes that were not synced when the power goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    All,
    /// Some are there and others are not, by a seed.
    Some(u64),
    /// Of each, some sectors are there.
    Torn(u64),
}

/// A disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    operations: u64,
    limit: Limit,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl Disk {
    /// Another disk with what is on this one, synced.
    pub(crate) fn copy(&self, limit: Limit) -> Self {
        let now = self.lock().now.clone();
        Self::holding(now, limit)
    }

    fn holding(now: Vec<u8>, limit: Limit) -> Self {
        let synced = now.clone();
        Self(Arc::new(Mutex::new(State { now, synced, limit, ..State::default() })))
    }

    pub(crate) fn limit(&self, limit: Limit) {
        self.lock().limit = limit;
    }

    /// Changes and syncs so far.
    pub(crate) fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// What the next start of the machine finds.
    pub(crate) fn after_power_loss(&self, loss: Loss) -> Self {
        let State { synced: mut left, unsynced, .. } = self.lock().clone();
        let mut random = match loss {
            Loss::All => return Self::holding(left, Limit::None),
            Loss::Some(seed) | Loss::Torn(seed) => fastrand::Rng::with_seed(seed),
        };
        for change in unsynced {
            match (change, loss) {
                (Change::Write(at, bytes), Loss::Torn(_)) => {
                    for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                        if random.bool() {
                            write(&mut left, at + index * SECTOR, sector);
                        }
                    }
                }
                (Change::Write(at, bytes), _) if random.bool() => write(&mut left, at, &bytes),
                (Change::Length(length), _) if random.bool() => left.resize(length, 0),
                _ => {}
            }
        }
        Self::holding(left, Limit::None)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn operate(&mut self, length: usize) -> io::Result<()> {
        let refused = match self.limit {
            Limit::None => None,
            Limit::Crash(point) => (self.operations >= point).then(|| io::Error::other("the power is off")),
            Limit::Full(most) => (length as u64 > most).then(|| io::ErrorKind::StorageFull.into()),
        };
        self.operations += 1;
        refused.map_or(Ok(()), Err)
    }
}

/// Writes what is within the disk's length; the rest was lost with the length.
fn write(to: &mut [u8], at: usize, bytes: &[u8]) {
    let end = to.len().min(at + bytes.len());
    if at < end {
        to[at..end].copy_from_slice(&bytes[..end - at]);
    }
}

fn position(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = position(offset);
        let state = self.lock();
        let bytes = state.now.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(position(len))?;
        state.now.resize(position(len), 0);
        state.unsynced.push(Change::Length(position(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(0)?;
        let State { synced, unsynced, .. } = &mut *state;
        for change in unsynced.drain(..) {
            match change {
                Change::Length(length) => synced.resize(length, 0),
                Change::Write(at, bytes) => write(synced, at, &bytes),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.operate(0)?;
        write(&mut state.now, position(offset), data);
        state.unsynced.push(Change::Write(position(offset), data.to_vec()));
        Ok(())
    }
}
