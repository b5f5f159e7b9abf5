//! Stored bytes that are not what they should be, secrets among them.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde::de::{Deserializer, Error as _, Unexpected};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use txetcd::codec::{self, Cbor, Codec};
use txetcd::{Database, DatabaseBuilder, Error, KeySet, Oid, PMap, Persist, Timestamp, Uuid};

use crate::secret::secret;
use crate::tables::{self, Safe};
use crate::told;

type Map = BTreeMap<String, String>;

/// What is looked for in the stored bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    number: u32,
    kind: Kind,
    word: Word,
    pair: (u8, u8),
}

#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    One,
    Two,
}

/// Quotes what it does not like, in writing and in reading.
#[derive(Debug)]
struct Word(String);

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(format!("{:?} is no word", self.0)))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(match text.len() % 2 {
            0 => D::Error::custom(format!("{text:?} is no word")),
            _ => D::Error::invalid_value(Unexpected::Str(&text), &"a word"),
        })
    }
}

pub(crate) async fn run(builder: &DatabaseBuilder) {
    let db = builder.clone().connect().await.unwrap();
    of_codec::<Cbor>(&db).await;
    #[cfg(feature = "json")]
    of_codec::<codec::Json>(&db).await;
    #[cfg(feature = "pickle")]
    of_codec::<codec::Pickle>(&db).await;
    #[cfg(feature = "msgpack")]
    of_codec::<codec::MsgPack>(&db).await;
    #[cfg(feature = "postcard")]
    of_codec::<codec::Postcard>(&db).await;
    of_bytes::<String, codec::Utf8>(&db).await;
    of_bytes::<Uuid, codec::UuidValue>(&db).await;
    of_bytes::<Oid, codec::OidValue>(&db).await;
    of_bytes::<Timestamp, codec::TimestampValue>(&db).await;
    of_bytes::<std::collections::BTreeSet<Uuid>, codec::UuidSet>(&db).await;
    #[cfg(feature = "flatbuffers")]
    of_bytes::<flatbuffers::Text, codec::Flatbuffers>(&db).await;
    compressed::run(&db).await;
    of_indexes(&db).await;
    of_catalogue(builder).await;
}

/// The error names the row and not what it holds.
async fn is_refused<V: Send + Sync + 'static, C: Codec<V>>(db: &Database, what: &str) {
    let rows: PMap<String, V, C> = PMap::at(20);
    let error = db.read(async |txn| rows.get(txn, "row").await).await.map(drop).unwrap_err();
    assert!(error.is_decode(), "{what}: {error}");
    told::error(&error, &["slot 20", "\"row\""]);
    let streamed =
        db.read(async |txn| Ok::<_, Error>(rows.all(txn).stream().collect::<Vec<_>>().await)).await;
    for error in streamed.unwrap().into_iter().filter_map(Result::err) {
        told::error(&error, &["slot 20"]);
    }
    let error = rows.live(db).await.map(|live| live.get("row").map(drop)).unwrap().unwrap_err();
    told::error(&error, &["slot 20"]);
}

async fn of_codec<C: Codec<Wanted> + Codec<Word> + Codec<Map> + Codec<String>>(db: &Database) {
    let name = <C as Codec<Map>>::NAME;
    let (maps, texts) = (PMap::<String, Map, C>::at(20), PMap::<String, String, C>::at(20));
    for field in ["number", "kind", "word", "pair"] {
        for odd in ["", "!"] {
            let map = Map::from([(field.to_owned(), secret("a value") + odd)]);
            db.write(async |txn| maps.put(txn, "row", &map)).await.unwrap();
            is_refused::<Wanted, C>(db, &format!("{name}: {field}")).await;
        }
    }
    let map = Map::from([(secret("a key of a map"), secret("a value"))]);
    db.write(async |txn| maps.put(txn, "row", &map)).await.unwrap();
    is_refused::<Wanted, C>(db, &format!("{name}: an unknown field")).await;
    mangle::<Map, C>(db).await;
    let text = secret("a text");
    db.write(async |txn| texts.put(txn, "row", &text)).await.unwrap();
    is_refused::<Wanted, C>(db, &format!("{name}: a text")).await;
    mangle::<String, C>(db).await;

    let words: PMap<String, Word, C> = PMap::at(20);
    let word = Word(secret("a value"));
    let error = db.write(async |txn| words.put(txn, "row", &word)).await.unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    told::error(&error, &["slot 20", "\"row\""]);
}

/// Damages a row that is good.
async fn mangle<V: Send + Sync + 'static, C: Codec<V>>(db: &Database) {
    let key = [&[0, 20][..], b"row"].concat();
    let stored = db.client().get(key.as_slice()).await.unwrap().into_kvs().remove(0);
    let good = stored.value();
    assert!(crate::secret::found(&good.escape_ascii().to_string()).is_some());
    let tail = secret("what follows a value");
    let mut damaged = vec![good[..good.len() - 1].to_vec(), good[..good.len() / 2].to_vec()];
    damaged.push([good, tail.as_bytes()].concat());
    damaged.push([&[0xff][..], tail.as_bytes()].concat());
    for bytes in damaged {
        db.client().put(key.as_slice(), bytes).await.unwrap();
        is_refused::<V, C>(db, "damaged").await;
    }
}

/// No value of this kind is a text with a byte in front that is not UTF-8.
async fn of_bytes<V: Send + Sync + 'static, C: Codec<V>>(db: &Database) {
    let bytes = [&[0xff][..], secret("bytes").as_bytes()].concat();
    db.client().put([&[0, 20][..], b"row"].concat(), bytes).await.unwrap();
    is_refused::<V, C>(db, C::NAME).await;
}

#[cfg(feature = "flatbuffers")]
mod flatbuffers {
    use txetcd::codec::flatbuffers_runtime::{FlatBufferBuilder, ForwardsUOffset, WIPOffset};
    use txetcd::codec::{CodecError, Flatbuffer};

    pub(super) struct Text;

    impl Flatbuffer for Text {
        type Root<'buf> = ForwardsUOffset<&'buf str>;

        fn build<'b>(&self, _: &mut FlatBufferBuilder<'b>) -> WIPOffset<Self::Root<'b>> {
            unreachable!("it is only read")
        }

        fn read(_: &str) -> Result<Self, CodecError> {
            Ok(Self)
        }
    }
}

mod compressed {
    use super::*;

    macro_rules! compressed {
        ($($feature:literal $wanted:ident $stored:ident $slot:tt $compression:tt)*) => {
            $(
                #[cfg(feature = $feature)]
                #[derive(Persist)]
                #[pmap(slot = $slot, key = u32, compress = $compression)]
                struct $wanted {
                    number: u32,
                }

                #[cfg(feature = $feature)]
                #[derive(Persist)]
                #[pmap(slot = $slot, key = u32, compress = $compression)]
                struct $stored {
                    number: String,
                }
            )*

            pub(super) async fn run(db: &Database) {
                $(
                    #[cfg(feature = $feature)]
                    {
                        let number = secret("a compressed field");
                        db.write(async |txn| $stored::table().put_at(txn, &1, &$stored { number: number.clone() }))
                            .await
                            .unwrap();
                        let key = [0, $slot, 0, 0, 0, 1].as_slice();
                        let good = db.client().get(key).await.unwrap().into_kvs().remove(0).into_parts().1;
                        let damaged = [
                            good.clone(),
                            good[..good.len() / 2].to_vec(),
                            [good.as_slice(), number.as_bytes()].concat(),
                            number.into_bytes(),
                        ];
                        for bytes in damaged {
                            db.client().put(key, bytes).await.unwrap();
                            let read = db.read(async |txn| $wanted::table().get(txn, &1).await).await;
                            let error = read.map(|row| row.map(|row| row.number)).unwrap_err();
                            assert!(error.is_decode(), "{error}");
                            told::error(&error, &[stringify!($wanted), "0x00000001"]);
                        }
                    }
                )*
            }
        };
    }

    compressed! {
        "zlib" Zlib StoredZlib 21 zlib
        "snappy" Snappy StoredSnappy 22 snappy
        "lz4" Lz4 StoredLz4 23 lz4
        "zstd" Zstd StoredZstd 24 zstd
    }
}

/// Entries of no row, and rows without an entry.
async fn of_indexes(db: &Database) {
    let (code, owner) = (secret("a unique value"), secret("an indexed value"));
    let bytes = secret("the bytes of an entry");
    let entry = [&[0, 12][..], code.as_bytes()].concat();
    db.client().put(entry.as_slice(), bytes.as_str()).await.unwrap();
    let by_key = db.read(async |txn| Safe::by_code().key(txn, code.as_str()).await).await.map(drop);
    let scanned = db.read(async |txn| Safe::by_code().all(txn).keys().await).await.map(drop);
    for error in [by_key.unwrap_err(), scanned.unwrap_err()] {
        assert!(error.is_decode(), "{error}");
        told::error(&error, &["Safe.by_code (slot 12)"]);
    }
    db.client().put(entry, 77_u32.to_be_bytes()).await.unwrap();
    db.client().put([&[0, 13][..], owner.as_bytes(), &[0, 1, 0, 0, 0, 88]].concat(), "").await.unwrap();
    let row = [0, 11, 0, 0, 0, 1].as_slice();
    let stored = db.client().get(row).await.unwrap().into_kvs().remove(0);
    let report = Safe::table().verify_indexes(db).await.unwrap();
    assert!(report.stale > 0, "{report:?}");
    assert!(told::debug(&report).contains("Safe.by_code (slot 12)"));

    db.client().put(row, secret("a row")).await.unwrap();
    told::error(&Safe::table().rebuild_indexes(db).await.unwrap_err(), &["Safe (slot 11), key 0x00000001"]);
    let error = db.write(async |txn| Safe::table().delete(txn, &1)).await.unwrap_err();
    assert!(error.is_decode(), "{error}");
    told::error(&error, &["Safe (slot 11), key 0x00000001"]);
    db.client().put(row, stored.value()).await.unwrap();
}

async fn of_catalogue(builder: &DatabaseBuilder) {
    // It has seen nothing of the catalogue yet.
    let db = builder.clone().connect().await.unwrap();
    let key = [0, 0, 0, 11].as_slice();
    let good = db.client().get(key).await.unwrap().into_kvs().remove(0);
    let texts: PMap<u32, Map, Cbor> = PMap::at(25);
    let map = Map::from([
        ("oid".to_owned(), secret("the catalogue")),
        ("slot".to_owned(), secret("the catalogue")),
    ]);
    db.write(async |txn| texts.put(txn, &1, &map)).await.unwrap();
    let wrong = db.client().get([0, 25, 0, 0, 0, 1].as_slice()).await.unwrap().into_kvs().remove(0);
    for bytes in [wrong.value(), secret("the catalogue").as_bytes(), &good.value()[..good.value().len() / 2]]
    {
        db.client().put(key, bytes).await.unwrap();
        for error in [
            db.tables().await.map(drop).unwrap_err(),
            db.attach::<Safe>().await.map(drop).unwrap_err(),
            db.write(async |txn| Safe::table().put(txn, &tables::safe(1))).await.unwrap_err(),
        ] {
            assert!(error.is_decode() || error.is_schema_mismatch(), "{error}");
            told::error(&error, &["catalogue"]);
        }
    }
    db.client().put(key, good.value()).await.unwrap();
    db.client().delete(KeySet::prefix([0, 25])).await.unwrap();
}
