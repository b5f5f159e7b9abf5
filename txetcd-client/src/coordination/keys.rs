//! [`Name`]: where the keys of a lock, queue and so on stand. The bytes are in `docs/format.md`.

use crate::key_set::KeySet;

/// The slot of the library's own keys.
const SLOT: [u8; 2] = [0xff, 0xff];

/// What a name is the name of; two kinds of the same name have nothing to do with each other.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    Barrier = b'b',
    DoubleBarrier = b'd',
    Election = b'e',
    Sequence = b'i',
    Lock = b'l',
    PriorityQueue = b'p',
    Queue = b'q',
    RwLock = b'r',
    Semaphore = b's',
}

/// A name, and the beginning of all keys under it: `FF FF 'c' | kind | name, escaped | 00 01`.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    kind: Kind,
    name: String,
    prefix: Vec<u8>,
}

impl Name {
    pub(crate) fn new(kind: Kind, name: String) -> Self {
        let mut prefix = SLOT.to_vec();
        prefix.extend([b'c', kind as u8]);
        for byte in name.bytes() {
            prefix.push(byte);
            if byte == 0 {
                prefix.push(0xff);
            }
        }
        prefix.extend([0, 1]);
        Self { kind, name, prefix }
    }

    /// A key under this name, or the beginning of some.
    pub(crate) fn key(&self, rest: &[u8]) -> Vec<u8> {
        [&self.prefix, rest].concat()
    }

    /// The keys under this name that begin so.
    pub(crate) fn keys(&self, rest: &[u8]) -> KeySet {
        KeySet::prefix(self.key(rest))
    }

    /// As people know it: `lock "jobs"`.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Barrier => "barrier",
            Kind::DoubleBarrier => "double barrier",
            Kind::Election => "election",
            Kind::Sequence => "sequence",
            Kind::Lock => "lock",
            Kind::PriorityQueue => "priority queue",
            Kind::Queue => "queue",
            Kind::RwLock => "read-write lock",
            Kind::Semaphore => "semaphore",
        };
        format!("{kind} {:?}", self.name)
    }
}

/// `FF FF 'f' | lease i64`: the fence of a session.
pub(crate) fn fence(lease: i64) -> Vec<u8> {
    [&SLOT[..], b"f", &lease.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_within_another_one() {
        let lock = |name: &str| Name::new(Kind::Lock, name.to_owned());
        assert_eq!(lock("a").key(b"x"), b"\xff\xffcla\0\x01x");
        assert_eq!(lock("a\0b").key(b""), b"\xff\xffcla\0\xffb\0\x01");
        for (one, other) in [("a", "ab"), ("a", "a\0"), ("", "\0"), ("a", "a\0\u{1}")] {
            assert!(!lock(one).keys(b"").contains(&lock(other).key(b"x")), "{one:?} {other:?}");
            assert!(!lock(other).keys(b"").contains(&lock(one).key(b"x")), "{one:?} {other:?}");
        }
    }
}
