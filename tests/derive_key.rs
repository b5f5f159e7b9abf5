//! `#[derive(Key)]`: the bytes, the order, and what can be derived.

use serde::{Deserialize, Serialize};
use txetcd::{Key, KeyPrefix, Persist, Uuid};

fn whole<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    let taken = allocation_counter::measure(|| key.encode(&mut out).expect("encodes"));
    assert!(out.len() <= key.size_hint());
    assert!(taken.count_total <= 1, "one allocation");
    out
}

fn part<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_part(&mut out).expect("encodes");
    out
}

/// The derived key has the bytes of this tuple, in both forms and directions.
fn as_tuple<K: Key + std::fmt::Debug + PartialEq, T: Key>(key: &K, tuple: &T) {
    assert_eq!(whole(key), whole(tuple));
    assert_eq!(part(key), part(tuple));
    assert_eq!(K::decode(&whole(tuple)).as_ref(), Ok(key));
    let followed = [part(tuple), b"rest".to_vec()].concat();
    let mut bytes = &followed[..];
    assert_eq!(K::decode_part(&mut bytes).as_ref(), Ok(key));
    assert_eq!(bytes, b"rest");
}

#[derive(Key, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    country: Country,
    city: String,
    r#type: (u8, String),
}

#[derive(Key, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
enum Country {
    Austria,
    Bhutan,
    Chile,
}

#[derive(Key, Clone, Debug, PartialEq)]
struct Id(Uuid);

#[derive(Key, Clone, Debug, PartialEq)]
struct Pair<A, B = u8>(A, B)
where
    A: Ord;

#[derive(Key, Clone, Debug, PartialEq)]
struct Several<A>(String, A, Vec<A>)
where
    Vec<A>: Key;

#[derive(Key, Clone, Debug, PartialEq)]
struct Hash<const N: usize> {
    bytes: [u8; N],
    text: String,
}

#[derive(Key, Clone, Debug, PartialEq)]
struct Only;

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1)]
struct House {
    #[pmap(key)]
    at: Place,
    floors: u8,
}

fn place(country: Country, city: &str, number: u8, text: &str) -> Place {
    Place { country, city: city.to_owned(), r#type: (number, text.to_owned()) }
}

#[test]
fn structs_are_tuples() {
    let key = place(Country::Bhutan, "a\0b", 7, "c");
    as_tuple(&key, &(1u8, "a\0b".to_owned(), (7u8, "c".to_owned())));
    assert_eq!(whole(&key), b"\x01a\0\xffb\0\x01\x07c");
    as_tuple(&Id(Uuid::max()), &Uuid::max());
    as_tuple(&Pair("a".to_owned(), 1u8), &("a".to_owned(), 1u8));
    as_tuple(&Pair(1i8, Pair(2u8, Some(true))), &(1i8, (2u8, Some(true))));
    as_tuple(&Hash { bytes: [1, 2, 3], text: "x".to_owned() }, &([1u8, 2, 3], "x".to_owned()));
    assert!(whole(&Only).is_empty());
    assert_eq!(Only::decode(b""), Ok(Only));
    assert!(Only::decode(b"\0").is_err());
}

#[test]
fn variants_are_their_places() {
    as_tuple(&Country::Austria, &0u8);
    as_tuple(&Country::Chile, &2u8);
    assert!(Country::decode(&[3]).is_err(), "no such variant");
    assert!(Country::decode(&[]).is_err());
    assert!(Country::decode(&[0, 0]).is_err(), "more than a variant");
    assert_eq!(Country::Austria.size_hint(), 1);
}

fn prefix<K: Key>(prefix: impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = Vec::new();
    prefix.encode_prefix(&mut out).expect("encodes");
    out
}

#[test]
fn first_fields_are_prefixes_as_those_of_the_tuple() {
    type Tuple = (Country, String, (u8, String));
    let (country, city) = (Country::Chile, "a\0b".to_owned());
    assert_eq!(prefix::<Place>(country), prefix::<Tuple>(country));
    assert_eq!(prefix::<Place>((country, "a\0b")), prefix::<Tuple>((country, city.clone())));
    assert_eq!(prefix::<Place>((country, city.clone())), prefix::<Tuple>((country, "a\0b")));
    assert!(whole(&place(country, &city, 1, "")).starts_with(&prefix::<Place>((country, city))));
    assert_eq!(prefix::<Several<u8>>("x"), part(&"x".to_owned()));
    let x = &"x".to_owned();
    assert_eq!(prefix::<Several<u8>>(x), part(x));
    assert_eq!(prefix::<Several<u8>>(("x".to_owned(), 7)), part(&("x".to_owned(), 7u8)));
}

#[test]
fn bytes_sort_as_values() {
    let mut keys = Vec::new();
    for country in [Country::Chile, Country::Austria, Country::Bhutan] {
        for city in ["", "\0", "a", "a\0", "ab"] {
            for (number, text) in [(0, "z"), (1, ""), (255, "a")] {
                keys.push(place(country, city, number, text));
            }
        }
    }
    let mut by_bytes = keys.clone();
    keys.sort();
    by_bytes.sort_by_key(whole);
    assert_eq!(keys, by_bytes);
    by_bytes.sort_by_key(part);
    assert_eq!(keys, by_bytes);
}

#[test]
fn damaged_bytes_are_refused() {
    let key = place(Country::Chile, "city", 1, "text");
    let bytes = whole(&key);
    for cut in 0..bytes.len() - "text".len() {
        assert!(Place::decode(&bytes[..cut]).is_err(), "{cut}");
    }
    for at in 0..bytes.len() {
        for with in 0..=255 {
            let mut bytes = bytes.clone();
            bytes[at] = with;
            if let Ok(key) = Place::decode(&bytes) {
                assert_eq!(whole(&key), bytes, "a key has one form");
            }
        }
    }
}

#[tokio::test]
#[cfg(feature = "embedded")]
async fn a_derived_key_is_the_key_of_a_table() -> txetcd::Result<()> {
    let db = txetcd::Database::connect("memory:").await?;
    let houses = House::table();
    let row = |country, city| House { at: place(country, city, 1, ""), floors: 2 };
    let rows = [row(Country::Austria, "b"), row(Country::Bhutan, "a"), row(Country::Bhutan, "b")];
    db.write(async |txn| rows.iter().rev().try_for_each(|row| houses.put(txn, row))).await?;
    let austria = &Country::Austria;
    db.read(async |txn| {
        assert_eq!(houses.all(txn).collect().await?, rows);
        let bhutan = place(Country::Bhutan, "", 0, "")..place(Country::Chile, "", 0, "");
        assert_eq!(houses.range(txn, bhutan).collect().await?, rows[1..]);
        assert_eq!(houses.prefix(txn, Country::Bhutan).collect().await?, rows[1..]);
        assert_eq!(houses.prefix(txn, austria).collect().await?, rows[..1]);
        assert_eq!(houses.prefix(txn, (Country::Bhutan, "b")).collect().await?, rows[2..]);
        assert_eq!(houses.prefix(txn, (Country::Bhutan, "b".to_owned())).collect().await?, rows[2..]);
        assert_eq!(houses.prefix(txn, (Country::Bhutan, "")).collect().await?, []);
        Ok::<_, txetcd::Error>(())
    })
    .await
}
