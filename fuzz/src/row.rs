//! The types that the self-describing codecs are tried with, and values of them.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use txetcd_core::{Oid, Timestamp, Uuid};

/// Something of every kind that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    id: Uuid,
    oid: Oid,
    at: Timestamp,
    name: Option<String>,
    data: Vec<u8>,
    hash: [u8; 4],
    numbers: (i8, u16, i32, u64, i64),
    float: f64,
    letter: char,
    kinds: Vec<Kind>,
    by_name: BTreeMap<String, Vec<bool>>,
    unit: (),
    inner: Option<Box<Row>>,
}

/// Every kind of variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Unit,
    Newtype(Uuid),
    Tuple(i64, Vec<u8>),
    Struct { id: Option<Uuid>, text: String },
}

/// A type that serde buffers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Anything {
    Nothing(()),
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Anything>),
    Map(BTreeMap<String, Anything>),
}

/// A type as deep as its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree(Vec<Tree>);

/// A type that contains itself without a byte between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chain(Option<Box<Chain>>);

impl Row {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            id: uuid(rng),
            oid: Oid::new(rng.u64(..)),
            at: Timestamp::from_nanos(rng.i64(..)),
            name: rng.bool().then(|| text(rng)),
            data: (0..rng.usize(0..9)).map(|_| rng.u8(..)).collect(),
            hash: [rng.u8(..); 4],
            numbers: (rng.i8(..), rng.u16(..), rng.i32(..), rng.u64(..), rng.i64(..)),
            float: rng.f64() * 1e9,
            letter: rng.char(..),
            kinds: (0..rng.usize(0..4)).map(|_| Kind::random(rng)).collect(),
            by_name: (0..rng.usize(0..3)).map(|_| (text(rng), vec![rng.bool()])).collect(),
            unit: (),
            inner: (rng.u8(..) < 64).then(|| Box::new(Self::random(rng))),
        }
    }
}

impl Kind {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..4) {
            0 => Self::Unit,
            1 => Self::Newtype(uuid(rng)),
            2 => Self::Tuple(rng.i64(..), vec![rng.u8(..); 3]),
            _ => Self::Struct { id: rng.bool().then(|| uuid(rng)), text: text(rng) },
        }
    }
}

pub(crate) fn uuid(rng: &mut Rng) -> Uuid {
    Uuid::from_u128(rng.u128(..))
}

pub(crate) fn text(rng: &mut Rng) -> String {
    (0..rng.usize(0..6))
        .map(|_| rng.choice(['\0', 'a', 'z', 'ß', '"', '\u{10ffff}']).unwrap_or('a'))
        .collect()
}
