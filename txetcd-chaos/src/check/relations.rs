//! [`Relations`]: which transaction must come before which because of what they read and appended.

use std::fmt;

use crate::history::{Op, Transaction};

use super::versions::{Id, Versions};

/// Why one transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// It appended before the other.
    WriteWrite,
    /// The other read what it appended.
    WriteRead,
    /// It did not see what the other appended.
    ReadWrite,
    /// It ended before the other began.
    RealTime,
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WriteWrite => "ww",
            Self::WriteRead => "wr",
            Self::ReadWrite => "rw",
            Self::RealTime => "real time",
        })
    }
}

/// A relation between two transactions, and the key and the element that it comes from.
pub(super) struct Dependency {
    pub(super) from: Id,
    pub(super) to: Id,
    pub(super) relation: Relation,
    key: u64,
    element: u64,
}

pub(super) struct Relations<'v, 'h> {
    pub(super) history: &'h [Transaction],
    versions: &'v Versions<'h>,
}

impl<'v, 'h> Relations<'v, 'h> {
    pub(super) fn new(history: &'h [Transaction], versions: &'v Versions<'h>) -> Self {
        Self { history, versions }
    }

    /// Tells the relations that the operations of a transaction make, each of which is told for one of its ends.
    pub(super) fn of(&self, id: Id, mut tell: impl FnMut(Dependency)) {
        let transaction = &self.history[id as usize];
        if transaction.ok == Some(false) {
            return;
        }
        for op in &transaction.ops {
            match op {
                Op::Append(key, element) => {
                    let position =
                        self.versions.of_element(*key, *element).and_then(|append| append.position);
                    if let Some(position) = position {
                        self.followers(*key, position + 1, |to, element| {
                            tell(Dependency {
                                from: id,
                                to,
                                relation: Relation::WriteWrite,
                                key: *key,
                                element,
                            });
                        });
                    }
                }
                Op::Read(key, list) if transaction.ok == Some(true) => {
                    let last = list.as_deref().unwrap_or_default().last();
                    let next = match last {
                        None => Some(0),
                        Some(last) => self.versions.of_element(*key, *last).and_then(|append| {
                            let relation = Relation::WriteRead;
                            tell(Dependency {
                                from: append.writer,
                                to: id,
                                relation,
                                key: *key,
                                element: *last,
                            });
                            Some(append.position? + 1)
                        }),
                    };
                    if let Some(next) = next {
                        self.followers(*key, next, |to, element| {
                            tell(Dependency {
                                from: id,
                                to,
                                relation: Relation::ReadWrite,
                                key: *key,
                                element,
                            });
                        });
                    }
                }
                Op::Read(..) => {}
            }
        }
    }

    /// Those who appended at the position: one, or all whose elements were not seen. What failed is passed over.
    fn followers(&self, key: u64, position: u32, mut tell: impl FnMut(Id, u64)) {
        let Some(order) = self.versions.order(key) else { return };
        for element in order.elements.iter().skip(position as usize) {
            if let Some(append) = self.versions.of_element(key, *element)
                && self.history[append.writer as usize].ok != Some(false)
            {
                return tell(append.writer, *element);
            }
        }
        order.unseen.iter().for_each(|(writer, element)| tell(*writer, *element));
    }

    /// In words, why one comes before the other.
    pub(super) fn because(&self, from: Id, relation: Relation, to: Id) -> String {
        let (before, after) = (self.history[from as usize].index, self.history[to as usize].index);
        if relation == Relation::RealTime {
            return format!("{before} ended before {after} began");
        }
        let mut because = String::new();
        for id in [from, to] {
            self.of(id, |found| {
                if (found.from, found.relation, found.to) == (from, relation, to) && because.is_empty() {
                    let Dependency { key, element, .. } = found;
                    because = match relation {
                        Relation::WriteRead => {
                            format!("{after} read {element}, which {before} appended to key {key}")
                        }
                        Relation::WriteWrite => {
                            format!("{after} appended {element} to key {key} after {before} did")
                        }
                        _ => format!("{before} did not see {element}, which {after} appended to key {key}"),
                    };
                }
            });
        }
        because
    }
}
