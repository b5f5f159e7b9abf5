//! Declared indexes: what they find, what they refuse, what they cost.

use std::ops::Bound;
use std::time::Duration;

use crate::cost::requests;
use txetcd::{Database, Error, Index, Key, KeySet, Many, Op, Persist, Token, Txn, Unique, WriteTxn};

/// A row with an index of every kind.
#[derive(Persist, Clone, Debug, PartialEq, Default)]
#[pmap(slot = 20, name = "Person")]
#[pmap(index(name = by_team_role, slot = 25, fields(team, role)))]
#[pmap(index(name = by_domain, slot = 26, key = String, with = Person::domain))]
#[pmap(index(name = by_word, slot = 27, key = String, with = Person::words, each))]
pub(crate) struct Person {
    #[pmap(key)]
    pub(crate) id: u32,
    #[pmap(index(slot = 21, unique))]
    pub(crate) email: String,
    #[pmap(index(slot = 22))]
    pub(crate) name: Option<String>,
    #[pmap(index(slot = 23, each))]
    pub(crate) tags: Vec<String>,
    #[pmap(index(slot = 24, unique, name = by_badge))]
    pub(crate) badge: Option<u64>,
    pub(crate) team: Option<String>,
    pub(crate) role: u8,
}

/// One of many.
#[derive(Persist, Clone, Debug)]
#[pmap(slot = 28)]
struct Small {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 29))]
    colour: u8,
}

/// The slots of the table and its indexes.
pub(crate) const SLOTS: std::ops::RangeInclusive<u16> = 20..=27;

impl Person {
    fn domain(&self) -> Option<&str> {
        self.email.split_once('@').map(|(_, domain)| domain)
    }

    fn words(&self) -> Vec<String> {
        self.name.iter().flat_map(|name| name.split(' ')).map(str::to_owned).collect()
    }
}

pub(crate) fn person(id: u32, email: &str, name: &str) -> Person {
    Person { id, email: email.to_owned(), name: Some(name.to_owned()), ..Person::default() }
}

fn ids(rows: &[Person]) -> Vec<u32> {
    rows.iter().map(|row| row.id).collect()
}

/// How many etcd keys each slot has.
async fn sizes(db: &Database) -> Vec<u64> {
    let mut sizes = Vec::new();
    for slot in SLOTS {
        let keys = KeySet::prefix(slot.to_be_bytes().to_vec());
        sizes.push(db.client().get(keys).count_only().await.unwrap().count());
    }
    sizes
}

async fn insert(db: &Database, rows: &[Person]) {
    db.write(async |txn| rows.iter().try_for_each(|row| Person::table().insert(txn, row))).await.unwrap();
}

type Write = fn(&WriteTxn) -> Result<(), Error>;

stores! {
    async fn every_kind_of_index_finds_its_rows(store) {
        let db = store.connect().await;
        let mut joe = person(1, "joe@a.org", "joe smith");
        joe.tags = vec!["x".into(), "y".into(), "x".into()];
        joe.team = Some("red".into());
        joe.role = 3;
        joe.badge = Some(77);
        let mut ann = person(2, "ann@a.org", "ann smith");
        ann.tags = vec!["y".into()];
        ann.team = Some("red".into());
        ann.role = 2;
        let nameless = Person { id: 3, email: "nobody".into(), ..Person::default() };
        insert(&db, &[joe.clone(), ann.clone(), nameless.clone()]).await;
        assert_eq!(sizes(&db).await, [3, 3, 2, 3, 1, 2, 2, 4]);

        db.read(async |txn| {
            assert_eq!(Person::by_email().get(txn, "ann@a.org").await?, Some(ann.clone()));
            assert_eq!(Person::by_email().get(txn, "ann@a.or").await?, None);
            assert_eq!(Person::by_email().key(txn, "joe@a.org").await?, Some(1));
            assert_eq!(Person::by_badge().get(txn, &77).await?, Some(joe.clone()));
            assert_eq!(ids(&Person::by_name().get_all(txn, &"joe smith").await?), [1]);
            assert_eq!(ids(&Person::by_name().get_all(txn, "joe").await?), [0; 0]);
            assert_eq!(ids(&Person::by_tags().get_all(txn, "y").await?), [1, 2]);
            assert_eq!(ids(&Person::by_team_role().get_all(txn, &("red".to_owned(), 3)).await?), [1]);
            assert_eq!(ids(&Person::by_team_role().prefix(txn, "red").collect().await?), [2, 1]);
            assert_eq!(ids(&Person::by_domain().get_all(txn, "a.org").await?), [1, 2]);
            assert_eq!(ids(&Person::by_word().get_all(txn, "smith").await?), [1, 2]);
            assert_eq!(ids(&Person::by_name().range(txn, "a".."j").collect().await?), [2]);
            assert_eq!(ids(&Person::by_name().range(txn, "ann smith"..="joe smith").collect().await?), [2, 1]);
            let behind = (Bound::Excluded("ann smith"), Bound::Unbounded);
            assert_eq!(ids(&Person::by_name().range::<_, &str>(txn, behind).collect().await?), [1]);
            let behind = (Bound::Excluded("ann@a.org"), Bound::Included("joe@a.org"));
            assert_eq!(ids(&Person::by_email().range::<_, &str>(txn, behind).collect().await?), [1]);
            assert_eq!(ids(&Person::by_name().prefix(txn, "jo").collect().await?), [1]);
            assert_eq!(ids(&Person::by_email().prefix(txn, "j").collect().await?), [1]);
            assert_eq!(ids(&Person::by_email().range(txn, "ann@a.org"..="joe@a.org").collect().await?), [2, 1]);
            assert_eq!(Person::by_email().all(txn).rev().keys().await?, [3, 1, 2]);
            assert_eq!(Person::by_name().all(txn).entries().await?, [(2, ann.clone()), (1, joe.clone())]);
            assert_eq!((Person::by_tags().count(txn).await?, Person::by_email().count(txn).await?), (3, 3));
            assert!(Person::by_email().contains(txn, "nobody").await?);
            assert!(!Person::by_name().contains(txn, "joe").await?);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn indexed_text_may_hold_anything(store) {
        let db = store.connect().await;
        let names = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0\u{1}", "a\0\u{ff}", "a\u{1}", "b"];
        let rows: Vec<Person> = names.iter().zip(0..).map(|(name, id)| person(id, &format!("{id}"), name)).collect();
        for chunk in rows.chunks(5) {
            insert(&db, chunk).await;
        }
        db.read(async |txn| {
            let by_name = Person::by_name();
            assert_eq!(ids(&by_name.all(txn).await?), (0..10).collect::<Vec<_>>());
            for (name, id) in names.iter().zip(0..) {
                assert_eq!(by_name.get_all(txn, *name).keys().await?, [id]);
                let expected: Vec<u32> =
                    names.iter().zip(0..).filter(|(other, _)| other.starts_with(name)).map(|(_, id)| id).collect();
                assert_eq!(by_name.prefix(txn, *name).keys().await?, expected, "{name:?}");
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn entries_follow_their_rows(store) {
        let db = store.connect().await;
        let people = Person::table();
        insert(&db, &[person(1, "a@x", "a"), person(2, "b@x", "b"), person(3, "c@x", "c")]).await;
        // Put without having been read, changed after a read, deleted in both ways, and put anew.
        db.write(async |txn| people.put(txn, &person(1, "a2@x", "a2"))).await.unwrap();
        db.write(async |txn| {
            let mut b = people.get(txn, &2).await?.expect("b");
            b.name = None;
            people.put(txn, &b)
        })
        .await
        .unwrap();
        db.write(async |txn| people.delete(txn, &3)).await.unwrap();
        assert_eq!(sizes(&db).await, [2, 2, 1, 0, 0, 0, 2, 1]);
        let emails = async || {
            db.read(async |txn| {
                let rows = Person::by_email().all(txn).collect().await?;
                Ok::<_, Error>(rows.into_iter().map(|row| row.email).collect::<Vec<_>>())
            })
            .await
            .unwrap()
        };
        assert_eq!(emails().await, ["a2@x", "b@x"]);
        // An email that became free, and one that its own row keeps.
        insert(&db, &[person(4, "a@x", "d")]).await;
        db.write(async |txn| people.put(txn, &person(4, "a@x", "e"))).await.unwrap();
        assert_eq!(emails().await, ["a2@x", "a@x", "b@x"]);
        db.write(async |txn| {
            people.truncate(txn).await?;
            people.insert(txn, &person(9, "a@x", "n"))?;
            people.put(txn, &person(1, "b@x", "m"))
        })
        .await
        .unwrap();
        assert_eq!(sizes(&db).await, [2, 2, 2, 0, 0, 0, 2, 2]);
        assert_eq!(emails().await, ["a@x", "b@x"]);
        db.write(async |txn| people.truncate(txn).await).await.unwrap();
        assert_eq!(sizes(&db).await, [0; 8]);
    }

    async fn a_unique_value_has_one_row(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        let people = Person::table();
        insert(&one, &[person(1, "joe@x", "joe"), person(2, "ann@x", "ann")]).await;
        let refused = async |db: &Database, row: Person| {
            let error: Error = db.write(async |txn| people.put(txn, &row)).await.unwrap_err();
            assert!(error.is_unique_violation(), "{error}");
            for part in ["Person", "by_email", "slot 21", "joe@x"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        };
        refused(&other, person(3, "joe@x", "jim")).await;
        refused(&other, person(2, "joe@x", "ann")).await;
        // Within one transaction, too; and if it has read who has the value.
        let error: Error = one
            .write(async |txn| {
                people.insert(txn, &person(4, "new@x", "a"))?;
                people.insert(txn, &person(5, "new@x", "b"))
            })
            .await
            .unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        let error: Error = one
            .write(async |txn| {
                assert_eq!(Person::by_email().key(txn, "joe@x").await?, Some(1));
                people.insert(txn, &person(6, "joe@x", "c"))
            })
            .await
            .unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        let by_hand = one.begin().await.unwrap();
        people.insert(&by_hand, &person(7, "joe@x", "d")).unwrap();
        assert!(by_hand.commit().await.unwrap_err().is_unique_violation());
        assert_eq!(sizes(&one).await, [2, 2, 2, 0, 0, 0, 2, 2]);
    }

    async fn a_unique_violation_is_found_whatever_else_was_read(store) {
        let db = store.builder().max_attempts(3).connect().await.unwrap();
        let people = Person::table();
        for chunk in (0..80).collect::<Vec<u32>>().chunks(20) {
            let rows: Vec<Person> = chunk.iter().map(|id| person(*id, &format!("{id}@x"), "n")).collect();
            insert(&db, &rows).await;
        }
        // More than comes with a refusal: keys whose rows were not read, and many rows.
        for rows in [false, true] {
            let error: Error = db
                .write(async |txn| {
                    if rows {
                        people.all(txn).collect().await?;
                    } else {
                        Person::by_name().get_all(txn, "n").limit(1).keys().await?;
                    }
                    people.insert(txn, &person(100, "3@x", "n"))
                })
                .await
                .unwrap_err();
            assert!(error.is_unique_violation(), "{error}");
        }
    }

    async fn unique_values_are_swapped_and_passed_on(store) {
        let db = store.connect().await;
        let people = Person::table();
        insert(&db, &[person(1, "a@x", "a"), person(2, "b@x", "b"), person(3, "c@x", "c")]).await;
        // One pair that was read, one that was not.
        db.write(async |txn| {
            let (mut a, mut b) = (people.get(txn, &1).await?.unwrap(), people.get(txn, &2).await?.unwrap());
            std::mem::swap(&mut a.email, &mut b.email);
            people.put(txn, &a)?;
            people.put(txn, &b)
        })
        .await
        .unwrap();
        db.write(async |txn| {
            people.put(txn, &person(2, "c@x", "b"))?;
            people.put(txn, &person(3, "a@x", "c"))
        })
        .await
        .unwrap();
        // From a row that is deleted to one that is inserted.
        db.write(async |txn| {
            people.delete(txn, &1)?;
            people.insert(txn, &person(4, "b@x", "d"))
        })
        .await
        .unwrap();
        let found = db.read(async |txn| Person::by_email().all(txn).keys().await).await.unwrap();
        assert_eq!(found, [3, 4, 2]);
        assert_eq!(sizes(&db).await[..3], [3, 3, 3]);
    }

    async fn indexes_see_the_transactions_own_writes(store) {
        let db = store.connect().await;
        let people = Person::table();
        insert(&db, &[person(1, "a@x", "n"), person(2, "b@x", "n"), person(3, "c@x", "n")]).await;
        let own: Error = db
            .write(async |txn| {
                people.put(txn, &person(1, "z@x", "m"))?;
                people.delete(txn, &2)?;
                people.insert(txn, &person(4, "b@x", "n"))?;
                people.insert(txn, &person(5, "q@x", "n"))?;
                people.delete(txn, &5)?;
                assert_eq!(Person::by_email().key(txn, "a@x").await?, None);
                assert_eq!(Person::by_email().key(txn, "z@x").await?, Some(1));
                assert_eq!(Person::by_email().get(txn, "b@x").await?.map(|row| row.id), Some(4));
                assert_eq!(Person::by_email().key(txn, "q@x").await?, None);
                assert_eq!(ids(&Person::by_name().get_all(txn, "n").await?), [3, 4]);
                assert_eq!(ids(&Person::by_name().all(txn).rev().collect().await?), [4, 3, 1]);
                assert_eq!(Person::by_name().all(txn).limit(2).keys().await?, [1, 3]);
                assert_eq!((Person::by_name().count(txn).await?, Person::by_email().count(txn).await?), (3, 3));
                people.truncate(txn).await?;
                assert_eq!(Person::by_name().count(txn).await?, 0);
                people.put(txn, &person(8, "h@x", "o"))?;
                assert_eq!(Person::by_name().all(txn).keys().await?, [8]);
                // Rolled back.
                "".parse::<Token>().map(|_| ())
            })
            .await
            .unwrap_err();
        assert!(own.is_invalid_argument());
        assert_eq!(sizes(&db).await[..3], [3, 3, 3]);
    }

    async fn more_rows_are_counted_than_are_listed_at_once(store) {
        let db = store.connect().await;
        let small = Small::table();
        for some in (0..5_010).collect::<Vec<u32>>().chunks(60) {
            let insert = db.write(async |txn| {
                some.iter().try_for_each(|id| small.insert(txn, &Small { id: *id, colour: 1 }))
            });
            insert.await.unwrap();
        }
        let counts = db.write(async |txn| {
            small.delete(txn, &5)?;
            small.insert(txn, &Small { id: 10_000, colour: 1 })?;
            small.insert(txn, &Small { id: 10_001, colour: 2 })?;
            Ok::<_, Error>((small.count(txn).await?, Small::by_colour().count(txn).await?))
        });
        assert_eq!(counts.await.unwrap(), (5_011, 5_011));
    }

    async fn index_reads_are_guarded(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        let people = Person::table();
        insert(&one, &[person(1, "a@x", "n"), person(2, "b@x", "n")]).await;
        let changes: [Write; 3] = [
            |txn| Person::table().insert(txn, &person(3, "c@x", "n")),
            |txn| Person::table().put(txn, &person(2, "b@x", "other")),
            |txn| Person::table().delete(txn, &1),
        ];
        for change in changes {
            for read in 0..3 {
                let txn = one.begin().await.unwrap();
                match read {
                    0 => drop(Person::by_name().get_all(&txn, "n").await.unwrap()),
                    1 => drop(Person::by_name().all(&txn).keys().await.unwrap()),
                    _ => drop(Person::by_name().count(&txn).await.unwrap()),
                }
                people.put(&txn, &person(50 + read, &format!("{read}@y"), "unrelated")).unwrap();
                other.write(async |txn| change(txn)).await.unwrap();
                assert!(txn.commit().await.unwrap_err().is_conflict());
                other
                    .write(async |txn| {
                        people.truncate(txn).await?;
                        people.put(txn, &person(1, "a@x", "n"))?;
                        people.put(txn, &person(2, "b@x", "n"))
                    })
                    .await
                    .unwrap();
            }
        }
        // A value that was not there, and comes.
        let txn = one.begin().await.unwrap();
        assert_eq!(Person::by_email().key(&txn, "new@x").await.unwrap(), None);
        people.put(&txn, &person(1, "a@x", "m")).unwrap();
        insert(&other, &[person(9, "new@x", "n")]).await;
        assert!(txn.commit().await.unwrap_err().is_conflict());
    }

    async fn pages_and_limits_of_an_index(store) {
        let db = store.connect().await;
        let rows: Vec<Person> =
            (0..25).map(|id| person(id, &format!("{:02}@x", 50 - id), ["odd", "even"][(id % 2) as usize])).collect();
        for chunk in rows.chunks(10) {
            insert(&db, chunk).await;
        }
        for reverse in [false, true] {
            let mut expected: Vec<u32> = (0..25).filter(|id| id % 2 == 1).collect();
            expected.extend((0..25).filter(|id| id % 2 == 0));
            if reverse {
                expected.reverse();
            }
            let mut found = Vec::new();
            let mut token = None;
            loop {
                let page = db
                    .read(async |txn| {
                        let scan = Person::by_name().all(txn);
                        let scan = if reverse { scan.rev() } else { scan };
                        let scan = if let Some(token) = &token { scan.after(token) } else { scan };
                        scan.page(7).await
                    })
                    .await
                    .unwrap();
                assert!(page.items.len() <= 7);
                found.extend(ids(&page.items));
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected);
        }
        let token = db.read(async |txn| Person::by_name().all(txn).page(1).await).await.unwrap().next.unwrap();
        let error: Error = db.read(async |txn| Person::table().all(txn).after(&token).page(1).await).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }

    async fn requests_of_transactions_with_indexes(store) {
        let db = store.connect().await;
        let people = Person::table();
        insert(&db, &[person(0, "0@x", "zero")]).await;
        let inserts = async || {
            let rows: Vec<Person> = (1..11).map(|id| person(id, &format!("{id}@x"), "n")).collect();
            insert(&db, &rows).await;
            Ok(())
        };
        assert_eq!(requests(&db, inserts).await, 1, "inserts");
        let updates = async || {
            db.write(async |txn| (1..11).try_for_each(|id| people.put(txn, &person(id, &format!("{id}@y"), "m")))).await
        };
        assert_eq!(requests(&db, updates).await, 2, "updates of rows that were not read");
        let swap = async || {
            db.write(async |txn| {
                people.put(txn, &person(1, "2@y", "m"))?;
                people.put(txn, &person(2, "1@y", "m"))
            })
            .await
        };
        assert_eq!(requests(&db, swap).await, 2, "swap");
        let modify = async || {
            db.write(async |txn| {
                let Some(mut row) = people.get(txn, &5).await? else { return Ok(()) };
                row.name = None;
                people.put(txn, &row)
            })
            .await
        };
        assert_eq!(requests(&db, modify).await, 2, "read, modify, write");
        let deletes = async || db.write(async |txn| (6..11).try_for_each(|id| people.delete(txn, &id))).await;
        assert_eq!(requests(&db, deletes).await, 2, "deletes");
        let truncate = async || db.write(async |txn| people.truncate(txn).await).await;
        assert_eq!(requests(&db, truncate).await, 1, "truncate");
        let refused = async || {
            insert(&db, &[person(1, "1@x", "n")]).await;
            let error: Error = db.write(async |txn| people.insert(txn, &person(2, "1@x", "n"))).await.unwrap_err();
            assert!(error.is_unique_violation());
            Ok(())
        };
        assert_eq!(requests(&db, refused).await, 2, "an insert, and one that is refused");
    }

    async fn an_index_lookup_fetches_rows_together(store) {
        let db = store.connect().await;
        for chunk in (0..100).collect::<Vec<_>>().chunks(10) {
            let rows: Vec<Person> = chunk.iter().map(|id| person(*id, &format!("{id}@x"), "n")).collect();
            insert(&db, &rows).await;
        }
        let lookup = async || {
            let found = db.read(async |txn| Person::by_name().get_all(txn, "n").await).await?;
            assert_eq!(found.len(), 100);
            Ok(())
        };
        assert_eq!(requests(&db, lookup).await, 2);
        let keys = async || {
            assert_eq!(db.read(async |txn| Person::by_name().get_all(txn, "n").keys().await).await?.len(), 100);
            Ok(())
        };
        assert_eq!(requests(&db, keys).await, 1);
        let one = async || {
            assert!(db.read(async |txn| Person::by_email().get(txn, "7@x").await).await?.is_some());
            Ok(())
        };
        assert_eq!(requests(&db, one).await, 2);
    }

    async fn entries_have_the_lease_of_their_row(store) {
        let db = store.connect().await;
        let people = Person::table();
        insert(&db, &[person(1, "a@x", "a")]).await;
        let lease = db.client().lease(Duration::from_secs(60)).await.unwrap();
        // The row is put under a lease by another program; the entries follow when they change.
        let stored = db.client().get(key_of(1)).await.unwrap().into_kvs().remove(0);
        let put = Op::from(txetcd::PutRequest::new(key_of(1), stored.value()).lease_id(lease.id()));
        db.client().txn(Txn::default().then([put])).await.unwrap();
        db.write(async |txn| people.put(txn, &person(1, "b@y", "b"))).await.unwrap();
        for slot in [20, 21, 22, 26, 27] {
            let keys = KeySet::prefix(u16::to_be_bytes(slot).to_vec());
            let rows = db.client().get(keys).await.unwrap().into_kvs();
            assert_eq!(rows.iter().map(|row| row.lease()).collect::<Vec<_>>(), [lease.id()], "slot {slot}");
        }
        lease.revoke().await.unwrap();
        assert_eq!(sizes(&db).await, [0; 8]);
        let found = db.read(async |txn| Person::by_email().all(txn).keys().await).await.unwrap();
        assert!(found.is_empty());
    }
}

fn key_of(id: u32) -> Vec<u8> {
    let mut key = 20_u16.to_be_bytes().to_vec();
    id.encode(&mut key).unwrap();
    key
}

#[test]
fn handles_are_copied_and_shown() {
    const BY_EMAIL: Index<Person, String, Unique> = Person::by_email();
    let by_name: Index<Person, String, Many> = Person::by_name();
    let copies = [by_name, by_name];
    assert_eq!(format!("{BY_EMAIL:?} {:?}", copies[1]), "Index(Person.by_email) Index(Person.by_name)");
}
