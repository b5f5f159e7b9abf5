//! Tables that Python enters and this library attaches, and the other way round, with their rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use txetcd::{Database, Persist, Uuid};

use crate::on_each_server;
use crate::python::Python;

const KEY: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// A table of Python's.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(oid = "a0000000-0000-4000-8000-000000000001", key = Uuid)]
struct User {
    email: String,
    tags: Vec<String>,
}

/// A table of this library's, with a field of each kind that CBOR has.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(oid = "a0000000-0000-4000-8000-000000000002", key = Uuid, name = "parcels")]
struct Parcel {
    owner: Uuid,
    weight: f32,
    price: f64,
    number: u128,
    below: i64,
    seal: [u8; 4],
    content: Vec<u8>,
    label: Option<String>,
    empty: Option<u8>,
    pair: (char, bool),
    marks: BTreeSet<u16>,
    counts: BTreeMap<u8, String>,
    state: State,
}

#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
enum State {
    Sent { at: u32 },
}

fn parcel() -> Parcel {
    Parcel {
        owner: KEY,
        weight: 1.5,
        price: 0.1,
        number: 1 << 64,
        below: -25,
        seal: [0, 1, 2, 255],
        content: b"tea".to_vec(),
        label: Some("ß".to_owned()),
        empty: None,
        pair: ('x', true),
        marks: BTreeSet::from([3, 7]),
        counts: BTreeMap::from([(2, "two".to_owned())]),
        state: State::Sent { at: 4 },
    }
}

/// The same to Python.
const PARCEL: &str = "{'owner': UUID('00112233-4455-6677-8899-aabbccddeeff'), 'weight': 1.5, 'price': 0.1, \
    'number': 18446744073709551616, 'below': -25, 'seal': b'\\x00\\x01\\x02\\xff', 'content': b'tea', 'label': 'ß', \
    'empty': None, 'pair': ['x', True], 'marks': [3, 7], 'counts': {2: 'two'}, 'state': {'Sent': {'at': 4}}}";

fn attach(python: &mut Python, last: u8, name: &str) -> Value {
    let oid = format!("a0000000-0000-4000-8000-{last:012}");
    python.ask(&json!({"attach": oid, "name": name, "description": "of Python"}))["slot"].clone()
}

fn tables_of(python: &mut Python) -> Value {
    python.ask(&json!({"tables": true}))["tables"].clone()
}

async fn tables(db: &Database) -> Vec<(u16, String, String, Option<String>)> {
    let tables = db.tables().await.unwrap().into_iter();
    tables.map(|table| (table.slot, table.name, table.creator, table.description)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_python_are_attached() {
    on_each_server(async |db, mut python| {
        assert_eq!(attach(&mut python, 7, "Others"), 1);
        assert_eq!(attach(&mut python, 1, "Users"), 2);
        let of_python = [
            (1, "Others".to_owned(), "unknown".to_owned(), Some("of Python".to_owned())),
            (2, "Users".to_owned(), "unknown".to_owned(), Some("of Python".to_owned())),
        ];
        assert_eq!(tables(&db).await, of_python);
        let seen_by_python = tables_of(&mut python);

        let users = db.attach::<User>().await.unwrap();
        assert_eq!(tables(&db).await, of_python, "attaching changes nothing that Python wrote");
        assert_eq!(tables_of(&mut python), seen_by_python, "nor what Python reads");
        assert_eq!(attach(&mut python, 1, "Users"), 2);

        let ann = User { email: "a@b.c".to_owned(), tags: vec!["new".to_owned()] };
        let neutral = json!({"email": "a@b.c", "tags": ["new"]});
        python.ask(&json!({"put": "MapUuidCbor", "slot": 2, "key": KEY.to_string(), "value": neutral}));
        let stored = db.read(async |txn| users.all(txn).entries().await).await.unwrap();
        assert_eq!(stored, [(KEY, ann)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_made_here_are_attached_by_python() {
    on_each_server(async |db, mut python| {
        assert_eq!(attach(&mut python, 1, "Users"), 1);
        let parcels = db.attach::<Parcel>().await.unwrap();
        let expected = json!({
            "oid": "a0000000-0000-4000-8000-000000000002",
            "name": "parcels",
            "description": null,
            "tags": null,
            "creator": "txetcd",
            "slot": 2,
        });
        assert_eq!(tables_of(&mut python)[1], expected);
        assert_eq!(attach(&mut python, 2, "parcels"), 2);
        assert_eq!(attach(&mut python, 3, "Orders"), 3, "Python goes on after it");

        db.write(async |txn| parcels.put_at(txn, &KEY, &parcel())).await.unwrap();
        let row = python.ask(&json!({"get": "MapUuidCbor", "slot": 2}));
        assert_eq!(row["key"], KEY.to_string());
        assert_eq!(row["repr"], PARCEL);
    })
    .await;
}
