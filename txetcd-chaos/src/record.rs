//! [`Recorder`]: what a client process writes down while it runs, so that it is there even if the process is killed.
//!
//! A transaction is written before it is begun, as one of unknown outcome, and again when its outcome is known. Only a
//! killed process leaves the first without the second.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use crate::history::Transaction;
use crate::workload::register::Access;

/// A line of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Entry {
    /// A transaction on lists.
    Lists(Transaction),
    /// A transaction on registers.
    Registers(Transaction<Access>),
    /// Something that is judged when the run has ended.
    Event(Event),
    /// Something that must not be.
    Wrong(String),
}

/// What a workload did, or saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It surely added an element to the set under the lock.
    Added {
        /// The element.
        element: u64,
    },
    /// It surely pushed a number into the queue.
    Pushed {
        /// The number.
        number: u64,
    },
    /// It finishes an item of the queue: written before that, and again when the outcome is known.
    Finished {
        /// The number that the item holds.
        number: u64,
        /// Whether it was finished, as in a history.
        ok: Option<bool>,
    },
    /// It took a number from the sequence.
    Drawn {
        /// The number.
        number: u64,
        /// When it asked for it.
        start_ns: i64,
        /// When it had it.
        end_ns: i64,
    },
    /// It made a change or a check: only counted.
    Done {
        /// What.
        what: String,
    },
}

/// Where a process writes its record.
pub struct Recorder(Mutex<Sink>);

enum Sink {
    File(File),
    Memory(Vec<Entry>),
}

impl Recorder {
    /// A new record.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create_new(true).append(true).open(path).map(|file| Self::new(Sink::File(file)))
    }

    /// A record that is not stored.
    pub(crate) fn in_memory() -> Self {
        Self::new(Sink::Memory(Vec::new()))
    }

    fn new(sink: Sink) -> Self {
        Self(Mutex::new(sink))
    }

    /// Takes out what was not stored.
    pub(crate) fn take(&self) -> Vec<Entry> {
        match &mut *self.sink() {
            Sink::File(_) => Vec::new(),
            Sink::Memory(entries) => std::mem::take(entries),
        }
    }

    /// Writes an entry down. It is kept if the process is killed after this.
    ///
    /// # Panics
    ///
    /// If it cannot be written: a run without its record proves nothing.
    pub fn write(&self, entry: &Entry) {
        match &mut *self.sink() {
            Sink::File(file) => {
                let mut line = serde_json::to_vec(entry).expect("an entry in JSON");
                line.push(b'\n');
                file.write_all(&line).expect("a record that can be written");
            }
            Sink::Memory(entries) => entries.push(entry.clone()),
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().expect("no panic while writing")
    }
}

/// What the processes wrote down, put together.
#[derive(Debug, Default)]
pub struct Records {
    /// Transactions on lists, by their numbers.
    pub lists: BTreeMap<u64, Transaction>,
    /// Transactions on registers, by their numbers.
    pub registers: BTreeMap<u64, Transaction<Access>>,
    /// What is to be judged.
    pub events: Vec<Event>,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl Records {
    /// Adds the record of a process. Its last line may be half written if the process was killed.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line before the last one is no entry.
    pub fn add(&mut self, path: &Path) -> io::Result<()> {
        let mut lines = BufReader::new(File::open(path)?).lines().peekable();
        while let Some(line) = lines.next() {
            match serde_json::from_str(&line?) {
                Ok(Entry::Lists(transaction)) => {
                    self.lists.insert(transaction.index, transaction);
                }
                Ok(Entry::Registers(transaction)) => {
                    self.registers.insert(transaction.index, transaction);
                }
                Ok(Entry::Event(event)) => self.events.push(event),
                Ok(Entry::Wrong(what)) => self.wrong.push(what),
                Err(_) if lines.peek().is_none() => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write as _;

    use super::{Entry, Event, Recorder, Records};
    use crate::history::{Op, Transaction};

    #[test]
    fn a_killed_process_leaves_its_last_transaction_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        let recorder = Recorder::create(&path).unwrap();
        let begun = |index| Transaction {
            process: 1,
            index,
            start_ns: 5,
            end_ns: 5,
            ok: None,
            ops: vec![Op::Append(1, index)],
        };
        let done = Transaction { end_ns: 9, ok: Some(true), ..begun(1) };
        recorder.write(&Entry::Lists(begun(1)));
        recorder.write(&Entry::Lists(done.clone()));
        recorder.write(&Entry::Event(Event::Pushed { number: 3 }));
        recorder.write(&Entry::Lists(begun(2)));
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"Lists\":{\"proc").unwrap();
        let mut records = Records::default();
        records.add(&path).unwrap();
        assert_eq!(records.lists.into_values().collect::<Vec<_>>(), [done, begun(2)]);
        assert_eq!(records.events, [Event::Pushed { number: 3 }]);
    }
}
