//! Keys and values as JSON that any language can read.

use std::collections::BTreeSet;

use flatbuffers::{FlatBufferBuilder, Vector, WIPOffset};
use serde_json::Value;
use txetcd_core::codec::{CodecError, Flatbuffer};
use txetcd_core::pmap::keys::*;
use txetcd_core::{Oid, Timestamp, Uuid};

pub(crate) trait Neutral {
    /// Whether equal values have equal bytes. JSON and its like leave the order of fields open.
    const ONE_FORM: bool = true;

    fn from_neutral(value: &Value) -> Self;
    #[allow(dead_code)] // one of the programs that use this only reads
    fn to_neutral(&self) -> Value;
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn hex(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

macro_rules! neutral {
    ($($type:ty: $from:expr, $to:expr;)*) => {$(
        impl Neutral for $type {
            fn from_neutral(value: &Value) -> Self {
                $from(value)
            }

            fn to_neutral(&self) -> Value {
                $to(self)
            }
        }
    )*};
}

fn nanos(value: &Value) -> Timestamp {
    // Python writes `None` as the start of 1970.
    Timestamp::from_nanos(value.as_i64().unwrap_or(0))
}

neutral! {
    u8: |v: &Value| v.as_u64().unwrap() as u8, |v: &u8| (*v).into();
    u16: |v: &Value| v.as_u64().unwrap() as u16, |v: &u16| (*v).into();
    u64: |v: &Value| v.as_u64().unwrap(), |v: &u64| (*v).into();
    Oid: |v: &Value| Oid::new(v.as_u64().unwrap()), |v: &Oid| v.get().into();
    // Python writes `None` as the empty text, or as zeros.
    String: |v: &Value| v.as_str().unwrap_or_default().to_owned(), |v: &String| v.clone().into();
    Uuid: |v: &Value| v.as_str().map_or(Uuid::nil(), |v| v.parse().unwrap()), |v: &Uuid| v.to_string().into();
    Timestamp: nanos, |v: &Timestamp| v.as_nanos().into();
    AnyTimestamp: |v: &Value| AnyTimestamp(nanos(v)), |v: &AnyTimestamp| v.0.to_neutral();
    TimestampLe: |v: &Value| TimestampLe(nanos(v)), |v: &TimestampLe| v.0.to_neutral();
    U16Le: |v: &Value| U16Le(u16::from_neutral(v)), |v: &U16Le| v.0.into();
    StringOid: |v: &Value| { let (a, b) = Neutral::from_neutral(v); StringOid(a, b) },
        |v: &StringOid| (v.0.clone(), v.1).to_neutral();
    StringTimestamp: |v: &Value| { let (a, b) = Neutral::from_neutral(v); StringTimestamp(a, b) },
        |v: &StringTimestamp| (v.0.clone(), v.1).to_neutral();
    StringString: |v: &Value| { let (a, b) = Neutral::from_neutral(v); StringString(a, b) },
        |v: &StringString| (v.0.clone(), v.1.clone()).to_neutral();
    StringStringString: |v: &Value| { let (a, b, c) = Neutral::from_neutral(v); StringStringString(a, b, c) },
        |v: &StringStringString| (v.0.clone(), v.1.clone(), v.2.clone()).to_neutral();
}

impl<const N: usize> Neutral for [u8; N] {
    fn from_neutral(value: &Value) -> Self {
        value.as_str().map_or([0; N], |text| unhex(text).try_into().expect("as many bytes"))
    }

    fn to_neutral(&self) -> Value {
        hex(self)
    }
}

impl<T: Neutral + Ord> Neutral for BTreeSet<T> {
    fn from_neutral(value: &Value) -> Self {
        value.as_array().expect("a set").iter().map(T::from_neutral).collect()
    }

    fn to_neutral(&self) -> Value {
        self.iter().map(T::to_neutral).collect()
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Neutral),+> Neutral for ($($name,)+) {
            fn from_neutral(value: &Value) -> Self {
                ($($name::from_neutral(&value[$index]),)+)
            }

            fn to_neutral(&self) -> Value {
                Value::Array(vec![$(self.$index.to_neutral()),+])
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);

impl Neutral for Value {
    const ONE_FORM: bool = false;

    fn from_neutral(value: &Value) -> Self {
        value.clone()
    }

    fn to_neutral(&self) -> Value {
        self.clone()
    }
}

/// A FlatBuffer whose root is a vector of bytes: the least that can be verified without generated code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl Flatbuffer for Blob {
    type Root<'buf> = Vector<'buf, u8>;

    fn build<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> WIPOffset<Vector<'b, u8>> {
        builder.create_vector(&self.0)
    }

    fn read<'buf>(root: Vector<'buf, u8>) -> Result<Self, CodecError> {
        Ok(Self(root.bytes().to_vec()))
    }
}

impl Neutral for Blob {
    fn from_neutral(value: &Value) -> Self {
        Self(unhex(value.as_str().expect("hex")))
    }

    fn to_neutral(&self) -> Value {
        hex(&self.0)
    }
}
