//! Histories: what transactions did and saw, as JSON lines, one [`Transaction`] each.
//!
//! ```json
//! {"process":0,"index":0,"start_ns":0,"end_ns":9,"ok":true,"ops":[["append",1,7],["r",2,[3,4]],["r",5,null]]}
//! ```
//!
//! Nothing here judges; that is the checker's part.

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Who ran it. A process runs one transaction after the other.
    pub process: u64,
    /// Its number, unique in the history.
    pub index: u64,
    /// When it was begun, in nanoseconds of a clock that all processes share and that never goes back.
    pub start_ns: i64,
    /// When its outcome was known, on the same clock.
    pub end_ns: i64,
    /// Whether it was applied. `None` where that is not known: it may have been, and may still be.
    pub ok: Option<bool>,
    /// What it did, in order.
    pub ops: Vec<Op>,
}

/// What a transaction did with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// `["append", key, element]`. An element is appended to a key at most once in a history.
    Append(u64, u64),
    /// `["r", key, [element, ...]]`; `["r", key, null]` where nothing was found. What a transaction read counts
    /// only if it was applied for sure.
    Read(u64, Option<Vec<u64>>),
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_tuple(3)?;
        match self {
            Self::Append(key, element) => {
                parts.serialize_element("append")?;
                parts.serialize_element(key)?;
                parts.serialize_element(element)?;
            }
            Self::Read(key, list) => {
                parts.serialize_element("r")?;
                parts.serialize_element(key)?;
                parts.serialize_element(list)?;
            }
        }
        parts.end()
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Op;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(r#"["append", key, element] or ["r", key, [element, ...]]"#)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Op, A::Error> {
                let kind: Kind = part(&mut parts, 0)?;
                let key = part(&mut parts, 1)?;
                match kind {
                    Kind::Append => Ok(Op::Append(key, part(&mut parts, 2)?)),
                    Kind::Read => Ok(Op::Read(key, part(&mut parts, 2)?)),
                }
            }
        }

        deserializer.deserialize_tuple(3, Parts)
    }
}

/// The first part of an [`Op`].
#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "append")]
    Append,
    #[serde(rename = "r")]
    Read,
}

fn part<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(parts: &mut A, index: usize) -> Result<T, A::Error> {
    let missing = || de::Error::invalid_length(index, &"three parts");
    parts.next_element()?.ok_or_else(missing)
}

/// Writes one line.
///
/// # Errors
///
/// Those of the writer.
pub fn write(writer: &mut impl Write, transaction: &Transaction) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, transaction)?;
    writer.write_all(b"\n")
}

/// Reads a whole history.
///
/// # Errors
///
/// Those of the reader, and `InvalidData` naming the line that is not a transaction.
pub fn read(reader: impl BufRead) -> io::Result<Vec<Transaction>> {
    let mut transactions = Vec::new();
    for (number, line) in reader.lines().enumerate() {
        let line = line?;
        let transaction = serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", number + 1))
        })?;
        transactions.push(transaction);
    }
    Ok(transactions)
}

#[cfg(test)]
mod tests {
    use super::{Op, Transaction, read, write};

    #[test]
    fn a_history_is_written_as_promised_and_read_back() {
        let ops = vec![Op::Append(1, 7), Op::Read(2, Some(vec![3, 4])), Op::Read(5, None)];
        let one = Transaction { process: 3, index: 4, start_ns: 5, end_ns: 9, ok: Some(true), ops };
        let other = Transaction { index: 5, ok: None, ..one.clone() };
        let mut bytes = Vec::new();
        write(&mut bytes, &one).unwrap();
        write(&mut bytes, &other).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"process":3,"index":4,"start_ns":5,"end_ns":9,"ok":true,"ops":[["append",1,7],["r",2,[3,4]],["r",5,null]]}"#
        );
        assert_eq!(read(text.as_bytes()).unwrap(), [one, other]);
    }

    #[test]
    fn what_is_not_a_transaction_is_named_by_its_line() {
        for op in [r#"["w",1,2]"#, r#"["append",1]"#, r#"["append",1,2,3]"#, r#"["r",1,2]"#] {
            let good = r#"{"process":0,"index":0,"start_ns":0,"end_ns":0,"ok":null,"ops":[]}"#;
            let bad = format!(r#"{{"process":0,"index":0,"start_ns":0,"end_ns":0,"ok":false,"ops":[{op}]}}"#);
            let error = read(format!("{good}\n{bad}\n").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("line 2: "), "{error}");
        }
    }
}
