//! [`Anomaly`]: what must not be in a history, and its name.

use std::fmt;

use super::relations::Relation;

/// Something that no strictly serializable store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Which one.
    pub kind: Kind,
    /// The smallest cycle that was found, for the kinds that are one.
    pub cycle: Option<Cycle>,
    /// For the others: what was seen.
    pub seen: String,
}

/// The kinds of anomalies, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An element was read that nobody appended.
    GarbageRead,
    /// An element was read twice in one list.
    DuplicateElements,
    /// Two lists were read for a key, neither of which begins with the other.
    IncompatibleOrder,
    /// A transaction read something else than what it had itself read or appended before.
    Internal,
    /// A transaction read what it appended only afterwards.
    FutureRead,
    /// What a failed transaction appended was read.
    G1a,
    /// What a transaction appended before its last append to the key was read.
    G1b,
    /// An applied transaction appended to what a failed one had appended.
    DirtyUpdate,
    /// Two transactions appended to the same list that both had read.
    LostUpdate,
    /// A cycle of writes.
    G0 {
        /// Whether real time is a part of it.
        realtime: bool,
    },
    /// A cycle of writes and reads of them.
    G1c {
        /// Whether real time is a part of it.
        realtime: bool,
    },
    /// A cycle with one read that missed a write.
    GSingle {
        /// Whether real time is a part of it.
        realtime: bool,
    },
    /// A cycle with several such reads, no two of which follow each other.
    GNonadjacent {
        /// Whether real time is a part of it.
        realtime: bool,
    },
    /// A cycle with several such reads.
    G2 {
        /// Whether real time is a part of it.
        realtime: bool,
    },
}

impl Kind {
    /// The name without the order that closes the cycle.
    pub fn family(self) -> &'static str {
        match self {
            Self::GarbageRead => "garbage-read",
            Self::DuplicateElements => "duplicate-elements",
            Self::IncompatibleOrder => "incompatible-order",
            Self::Internal => "internal",
            Self::FutureRead => "future-read",
            Self::G1a => "G1a",
            Self::G1b => "G1b",
            Self::DirtyUpdate => "dirty-update",
            Self::LostUpdate => "lost-update",
            Self::G0 { .. } => "G0",
            Self::G1c { .. } => "G1c",
            Self::GSingle { .. } => "G-single-item",
            Self::GNonadjacent { .. } => "G-nonadjacent-item",
            Self::G2 { .. } => "G2-item",
        }
    }

    /// Whether it is a cycle that only real time closes.
    pub fn is_realtime(self) -> bool {
        match self {
            Self::G0 { realtime }
            | Self::G1c { realtime }
            | Self::GSingle { realtime }
            | Self::GNonadjacent { realtime }
            | Self::G2 { realtime } => realtime,
            _ => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realtime = if self.is_realtime() { "-realtime" } else { "" };
        write!(formatter, "{}{realtime}", self.family())
    }
}

/// Transactions each of which must come before the next, and the last before the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<Step>);

/// One dependency of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The place in the history of the transaction that comes first.
    pub from: u32,
    /// What orders them.
    pub relation: Relation,
    /// The place of the one that comes after it.
    pub to: u32,
    /// Why, in words.
    pub because: String,
}
