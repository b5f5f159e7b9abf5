//! What encoding and decoding a row costs beside plain `ciborium` and `serde_json` on the same struct.
//!
//! `cargo bench -p txetcd-bench --bench encoding` measures both in turn and ends with a table: the median ratio, which
//! may not be above two anywhere, and its two times.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fastrand::Rng;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use txetcd::codec::{Cbor, Codec, Json};
use txetcd::{Persist, Uuid};

/// The same structs as rows with one codec each.
macro_rules! rows {
    ($module:ident, $codec:ty) => {
        mod $module {
            use super::*;

            /// What most rows look like.
            #[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[pmap(slot = 1, codec = $codec)]
            pub(super) struct User {
                #[pmap(key)]
                pub(super) oid: Uuid,
                pub(super) email: String,
                pub(super) name: Option<String>,
                pub(super) tags: Vec<String>,
                pub(super) friendly: bool,
                pub(super) age: u8,
                pub(super) balance: i64,
                pub(super) score: f64,
                pub(super) address: Address,
            }

            /// Many numbers.
            #[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[pmap(slot = 2, key = u32, codec = $codec)]
            pub(super) struct Series {
                pub(super) points: Vec<(u32, f64)>,
            }

            /// Many entries of a map.
            #[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[pmap(slot = 3, key = u32, codec = $codec)]
            pub(super) struct Counts {
                pub(super) by_id: BTreeMap<u32, u64>,
            }

            /// Many small structs.
            #[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[pmap(slot = 4, key = u32, codec = $codec)]
            pub(super) struct Book {
                pub(super) addresses: Vec<Address>,
            }

            /// Text, hardly anything but.
            #[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[pmap(slot = 5, key = u32, codec = $codec)]
            pub(super) struct Page {
                pub(super) body: String,
            }

            pub(super) fn compare(report: &mut Report<'_>, plain: Plain) {
                let mut rng = Rng::with_seed(1);
                report.compare(
                    plain,
                    "a user",
                    &User {
                        oid: Uuid::from_u128(rng.u128(..)),
                        email: "ann@example.com".to_owned(),
                        name: Some("Ann Müller".to_owned()),
                        tags: ["new", "friend", "vienna"].map(str::to_owned).to_vec(),
                        friendly: true,
                        age: 42,
                        balance: -123_456,
                        score: 0.25,
                        address: address(&mut rng),
                    },
                );
                let points = (0..1000).map(|at| (at, rng.f64())).collect();
                report.compare(plain, "1,000 points", &Series { points });
                let by_id = (0..10_000).map(|_| (rng.u32(..), rng.u64(..))).collect();
                report.compare(plain, "a map of 10,000", &Counts { by_id });
                let addresses = (0..1000).map(|_| address(&mut rng)).collect();
                report.compare(plain, "1,000 structs", &Book { addresses });
                report.compare(plain, "100 KB of text", &Page { body: "grüß dich ".repeat(8_400) });
            }
        }
    };
}

rows!(cbor, Cbor);
rows!(json, Json);

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Address {
    street: String,
    number: u16,
    city: String,
    at: (f64, f64),
}

fn address(rng: &mut Rng) -> Address {
    Address {
        street: "Stephansplatz".to_owned(),
        number: rng.u16(..),
        city: "Wien".to_owned(),
        at: (rng.f64(), rng.f64()),
    }
}

/// The crate that a codec is measured against.
#[derive(Clone, Copy)]
enum Plain {
    Ciborium,
    SerdeJson,
}

impl Plain {
    fn name(self) -> &'static str {
        match self {
            Self::Ciborium => "ciborium",
            Self::SerdeJson => "serde_json",
        }
    }

    fn codec(self) -> &'static str {
        match self {
            Self::Ciborium => "cbor",
            Self::SerdeJson => "json",
        }
    }

    fn encode<T: Serialize>(self, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ciborium => ciborium::into_writer(value, &mut out).expect("encodes"),
            Self::SerdeJson => serde_json::to_writer(&mut out, value).expect("encodes"),
        }
        out
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> T {
        match self {
            Self::Ciborium => ciborium::from_reader(bytes).expect("decodes"),
            Self::SerdeJson => serde_json::from_slice(bytes).expect("decodes"),
        }
    }
}

fn encode<T: Persist>(row: &T) -> Vec<u8> {
    let mut out = Vec::new();
    <T::Codec as Codec<T, T::Marshal>>::encode(row, &mut out).expect("encodes");
    out
}

fn decode<T: Persist>(bytes: &[u8]) -> T {
    <T::Codec as Codec<T, T::Marshal>>::decode(bytes).expect("decodes")
}

/// What was measured.
struct Report<'a> {
    criterion: &'a mut Criterion,
    lines: Vec<String>,
}

impl Report<'_> {
    fn compare<T>(&mut self, plain: Plain, what: &str, row: &T)
    where
        T: Persist + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let (own, other) = (encode(row), plain.encode(row));
        assert_eq!((&decode::<T>(&own), &plain.decode::<T>(&other)), (row, row));
        self.pair(plain, &format!("encode {what}"), || encode(row), || plain.encode(row));
        self.pair(plain, &format!("decode {what}"), || decode::<T>(&own), || plain.decode::<T>(&other));
    }

    /// Lets criterion measure `own`, and takes a sample of `other` beside each of its samples, so that whatever else
    /// the machine does slows both.
    fn pair<R>(&mut self, plain: Plain, name: &str, own: impl Fn() -> R, other: impl Fn() -> R) {
        let mut samples = Vec::new();
        self.criterion.bench_function(&format!("{name}, {}", plain.codec()), |bencher| {
            bencher.iter_custom(|iterations| {
                let sample = (time(iterations, &own), time(iterations, &other));
                samples.push((sample.0 / sample.1, sample));
                Duration::from_secs_f64(sample.0 * iterations as f64)
            });
        });
        samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((ratio, (own, other))) = samples.get(samples.len() / 2) {
            self.lines.push(format!(
                "{name:<24} {:<6} {:>10.2} {:<11} {:>10.2} {ratio:>7.2}",
                plain.codec(),
                own * 1e6,
                plain.name(),
                other * 1e6
            ));
        }
    }

    fn print(&self) {
        println!("{:<31} {:>10} {:<11} {:>10} {:>7}", "", "txetcd, \u{b5}s", "", "plain, \u{b5}s", "ratio");
        for line in &self.lines {
            println!("{line}");
        }
    }
}

/// The seconds that one call takes.
fn time<R>(iterations: u64, work: impl Fn() -> R) -> f64 {
    let start = Instant::now();
    for _ in 0..iterations {
        black_box(work());
    }
    start.elapsed().as_secs_f64() / iterations as f64
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let mut report = Report { criterion: &mut criterion, lines: Vec::new() };
    cbor::compare(&mut report, Plain::Ciborium);
    json::compare(&mut report, Plain::SerdeJson);
    report.print();
    criterion.final_summary();
}
