//! Values and bytes of any depth: refused before the stack ends, and what is written can be read.
//!
//! Each runs in a thread with the stack that Rust's threads have, in a build without optimizations.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use txetcd_core::codec::{Cbor, Codec, Json, MsgPack, Pickle, Postcard, Serde};

/// It contains itself, and nothing that would take bytes.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Chain(Option<Box<Chain>>);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Node {
    name: String,
    next: Option<Box<Node>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Tree(Vec<Tree>);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Expression {
    End,
    Not(Box<Expression>),
    Both(Box<Expression>, u8),
    Named { part: Box<Expression> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Anything {
    Number(u8),
    List(Vec<Anything>),
    Map(BTreeMap<String, Anything>),
}

/// So many levels of a type, the outermost `levels`.
trait Deep {
    fn deep(levels: usize) -> Self;
}

fn grown<T>(levels: usize, end: T, grow: impl Fn(usize, T) -> T) -> T {
    (1..levels).fold(end, |inner, level| grow(level, inner))
}

impl Deep for Chain {
    fn deep(levels: usize) -> Self {
        grown(levels, Chain(None), |_, inner| Chain(Some(Box::new(inner))))
    }
}

impl Deep for Node {
    fn deep(levels: usize) -> Self {
        let node = |next| Node { name: "n".to_owned(), next };
        grown(levels, node(None), |_, inner| node(Some(Box::new(inner))))
    }
}

impl Deep for Tree {
    fn deep(levels: usize) -> Self {
        grown(levels, Tree(Vec::new()), |_, inner| Tree(vec![inner]))
    }
}

impl Deep for Expression {
    fn deep(levels: usize) -> Self {
        grown(levels, Expression::End, |level, inner| match level % 3 {
            0 => Expression::Not(Box::new(inner)),
            1 => Expression::Both(Box::new(inner), 1),
            _ => Expression::Named { part: Box::new(inner) },
        })
    }
}

impl Deep for Anything {
    fn deep(levels: usize) -> Self {
        grown(levels, Anything::Number(1), |level, inner| match level % 2 {
            0 => Anything::List(vec![inner]),
            _ => Anything::Map(BTreeMap::from([("m".to_owned(), inner)])),
        })
    }
}

fn on_a_usual_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    thread.join().expect("nothing panics");
}

fn too_deep<T>(result: Result<T, txetcd_core::codec::CodecError>, what: &str) {
    let Err(error) = result else { panic!("{what} is accepted") };
    assert!(error.to_string().contains("nested too deeply"), "{what}: {error}");
}

/// The most levels that are written, all of which are read.
fn most_levels<C, T>() -> usize
where
    C: Codec<T, Serde>,
    T: Deep + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let what = format!("{} {}", C::NAME, std::any::type_name::<T>());
    for levels in 1..1000 {
        let value = T::deep(levels);
        let mut bytes = Vec::new();
        if let Err(error) = C::encode(&value, &mut bytes) {
            too_deep(Err::<(), _>(error), &what);
            return levels - 1;
        }
        if levels.is_power_of_two() || levels > 30 {
            // A chain is nothing but its end in a format that does not write options.
            let read = C::decode(&bytes).unwrap_or_else(|error| panic!("{what} of {levels}: {error}"));
            assert!(read == value || std::any::type_name::<T>().contains("Chain"), "{what} of {levels}");
        }
    }
    panic!("{what} has no limit");
}

fn deep_values_are_refused<C, T>()
where
    C: Codec<T, Serde>,
    T: Deep,
{
    let value = T::deep(100_000);
    too_deep(C::encode(&value, &mut Vec::new()), C::NAME);
    // Rust itself would end the stack in dropping it.
    std::mem::forget(value);
}

macro_rules! test {
    ($($name:ident: $codec:ty, $any:tt;)*) => {$(
        #[test]
        fn $name() {
            on_a_usual_stack(|| {
                assert_eq!(most_levels::<$codec, Tree>(), 128);
                assert_eq!(most_levels::<$codec, Node>(), 128);
                assert_eq!(most_levels::<$codec, Chain>(), 128);
                // Two of three variants are a map and the map or array in it.
                assert_eq!(most_levels::<$codec, Expression>(), 77);
                deep_values_are_refused::<$codec, Tree>();
                deep_values_are_refused::<$codec, Node>();
                deep_values_are_refused::<$codec, Chain>();
                deep_values_are_refused::<$codec, Expression>();
                test!(@any $codec, $any);
            });
        }
    )*};
    (@any $codec:ty, yes) => {
        assert_eq!(most_levels::<$codec, Anything>(), 129);
        deep_values_are_refused::<$codec, Anything>();
    };
    (@any $codec:ty, no) => {};
}

test! {
    cbor: Cbor, yes;
    json: Json, yes;
    msgpack: MsgPack, yes;
    pickle: Pickle, yes;
    postcard: Postcard, no;
}

fn refused_as_too_deep<C, T>(bytes: &[u8])
where
    C: Codec<T, Serde>,
{
    too_deep(C::decode(bytes), &format!("{} {}", C::NAME, std::any::type_name::<T>()));
}

#[test]
fn bytes_of_any_depth_are_refused() {
    const MANY: usize = 100_000;
    on_a_usual_stack(|| {
        // A chain asks for another one in any value that is not null.
        refused_as_too_deep::<Cbor, Chain>(&[0x01]);
        refused_as_too_deep::<Json, Chain>(b"1");
        refused_as_too_deep::<MsgPack, Chain>(&[0x01]);
        refused_as_too_deep::<Pickle, Chain>(b"\x80\x02K\x01.");
        refused_as_too_deep::<Postcard, Chain>(&[1; MANY]);

        let arrays = [0x81; MANY];
        refused_as_too_deep::<Cbor, Tree>(&arrays);
        refused_as_too_deep::<Cbor, Anything>(&arrays);
        refused_as_too_deep::<Cbor, ciborium::Value>(&arrays);
        refused_as_too_deep::<Json, Tree>(&[b'['; MANY]);
        refused_as_too_deep::<Json, Anything>(&[b'['; MANY]);
        refused_as_too_deep::<Json, serde_json::Value>(&[b'['; MANY]);
        refused_as_too_deep::<Json, Node>(&b"{\"next\":".repeat(MANY));
        refused_as_too_deep::<MsgPack, Tree>(&[0x91; MANY]);
        refused_as_too_deep::<MsgPack, Anything>(&[0x91; MANY]);
        refused_as_too_deep::<MsgPack, Anything>(&[0x81; MANY]);
        refused_as_too_deep::<MsgPack, Anything>(&[0x81, 0x01].repeat(MANY));
        let lists = [&b"\x80\x02"[..], &[b'('; MANY], &[b'l'; MANY], b"."].concat();
        refused_as_too_deep::<Pickle, Tree>(&lists);
        refused_as_too_deep::<Pickle, Anything>(&lists);
        refused_as_too_deep::<Postcard, Tree>(&[1; MANY]);
        refused_as_too_deep::<Postcard, Expression>(&[1; MANY]);
    });
}
