//! The tables of the workloads. Which of them are kept in memory is declared here, and nowhere else.

use txetcd::{DatabaseBuilder, Persist};

/// Keeps all of them in memory.
pub(crate) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder
        .cached::<List>()
        .cached::<Register>()
        .cached::<Account>()
        .cached::<Person>()
        .cached::<Member>()
        .cached::<Guarded>()
        .cached::<Viewed>()
}

/// A list that grows by one element at a time.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 101)]
pub(super) struct List {
    #[pmap(key)]
    pub(crate) key: u64,
    pub(crate) elements: Vec<u64>,
}

/// A number that counts how often it was changed.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 103)]
pub(super) struct Register {
    #[pmap(key)]
    pub(crate) key: u64,
    pub(crate) value: u64,
    pub(crate) writes: u64,
}

/// An account of the bank.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 104)]
pub(super) struct Account {
    #[pmap(key)]
    pub(crate) id: u32,
    pub(crate) balance: i64,
}

/// Somebody whose address is theirs alone.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 105)]
pub(super) struct Person {
    #[pmap(key)]
    pub(crate) id: u32,
    #[pmap(index(slot = 106, unique))]
    pub(crate) address: String,
    #[pmap(index(slot = 107))]
    pub(crate) street: u32,
}

/// A member of a group, which has one or two.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 108)]
pub(super) struct Member {
    #[pmap(key)]
    pub(crate) place: (u32, u64),
}

/// A set that is written under a lock.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 110)]
pub(super) struct Guarded {
    #[pmap(key)]
    pub(crate) part: u64,
    pub(crate) elements: Vec<u64>,
}

/// A list that is watched.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 111)]
pub(super) struct Viewed {
    #[pmap(key)]
    pub(crate) key: u64,
    pub(crate) elements: Vec<u64>,
}
