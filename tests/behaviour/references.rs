//! Fields that refer to rows of other tables.

use std::time::Duration;

use txetcd::{Database, Error, Persist, WriteTxn};

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 50)]
struct Team {
    #[pmap(key)]
    name: String,
    #[pmap(references = Team, on_delete = restrict, index(slot = 51))]
    parent: Option<String>,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 52)]
struct Member {
    #[pmap(key)]
    id: u32,
    #[pmap(references = Team, on_delete = cascade, index(slot = 53))]
    team: String,
    #[pmap(references = Member, on_delete = set_null, index(slot = 54))]
    boss: Option<u32>,
}

/// One badge a member.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 55)]
struct Badge {
    #[pmap(key)]
    number: u64,
    #[pmap(references = Member, on_delete = cascade, index(slot = 56, unique))]
    member: u32,
}

/// A room of a member, which nobody may take away while there is a key to it.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 57)]
struct Room {
    #[pmap(key)]
    id: u32,
    #[pmap(references = Member, on_delete = cascade, index(slot = 58))]
    owner: u32,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 59, name = "RoomKey")]
struct RoomKey {
    #[pmap(key)]
    id: u32,
    #[pmap(references = Room, on_delete = restrict, index(slot = 60))]
    room: u32,
    #[pmap(references = Member, on_delete = cascade, index(slot = 61))]
    owner: u32,
    #[pmap(default, references = Member, on_delete = cascade, index(slot = 62))]
    holder: Option<u32>,
}

/// The same before keys had holders.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 59, name = "RoomKey")]
struct OlderRoomKey {
    #[pmap(key)]
    id: u32,
    #[pmap(references = Room, on_delete = restrict, index(slot = 60))]
    room: u32,
    #[pmap(references = Member, on_delete = cascade, index(slot = 61))]
    owner: u32,
}

fn team(name: &str, parent: Option<&str>) -> Team {
    Team { name: name.to_owned(), parent: parent.map(str::to_owned) }
}

fn member(id: u32, team: &str, boss: Option<u32>) -> Member {
    Member { id, team: team.to_owned(), boss }
}

/// Two teams, one below the other; three members, two of them below the first; a badge each.
async fn fill(db: &Database) {
    attach(db).await;
    db.write(async |txn| {
        // What is referred to may come later in the same transaction.
        for (id, of, boss) in [(2, "red", Some(1)), (3, "blue", Some(1)), (1, "red", None)] {
            Member::table().insert(txn, &member(id, of, boss))?;
            Badge::table().insert(txn, &Badge { number: u64::from(id) * 100, member: id })?;
        }
        Team::table().insert(txn, &team("blue", Some("red")))?;
        Team::table().insert(txn, &team("red", None))
    })
    .await
    .unwrap();
}

async fn rows(db: &Database) -> (Vec<Team>, Vec<Member>, Vec<u64>) {
    db.read(async |txn| {
        Ok::<_, Error>((
            Team::table().all(txn).await?,
            Member::table().all(txn).await?,
            Badge::table().all(txn).keys().await?,
        ))
    })
    .await
    .unwrap()
}

async fn assert_consistent(db: &Database) {
    for report in [
        Team::table().verify_indexes(db).await.unwrap(),
        Member::table().verify_indexes(db).await.unwrap(),
        Badge::table().verify_indexes(db).await.unwrap(),
    ] {
        assert!(report.is_consistent(), "{report:?}");
    }
}

type Write = fn(&WriteTxn) -> Result<(), Error>;

stores! {
    async fn a_row_refers_to_one_that_is_there(store) {
        let db = store.connect().await;
        fill(&db).await;
        let wrong: [Write; 4] = [
            |txn| Member::table().insert(txn, &member(9, "green", None)),
            |txn| Member::table().put(txn, &member(1, "green", None)),
            |txn| Badge::table().insert(txn, &Badge { number: 9, member: 77 }),
            |txn| {
                Team::table().insert(txn, &team("green", None))?;
                Member::table().insert(txn, &member(9, "green", None))?;
                Team::table().delete(txn, "green")
            },
        ];
        for (at, write) in wrong.into_iter().enumerate() {
            let outcome: Result<(), Error> = db.write(async |txn| write(txn)).await;
            if at == 3 {
                // The deletion takes the member along.
                outcome.unwrap();
                continue;
            }
            let error = outcome.unwrap_err();
            assert!(error.is_reference_violation(), "{error}");
            let parts = if at == 2 { ["Badge (slot 55)", "`member`", "Member (slot 52)"] } else { ["Member (slot 52)", "`team`", "\"green\""] };
            for part in parts {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        let (teams, members, badges) = rows(&db).await;
        assert_eq!((teams.len(), members.len(), badges.len()), (2, 3, 3));
        // A row that stays as it is needs no request for what it refers to.
        let before = db.stats().requests;
        db.write(async |txn| Member::table().put(txn, &member(2, "red", None))).await.unwrap();
        assert_eq!(db.stats().requests - before, 2);
        let before = db.stats().requests;
        db.write(async |txn| Member::table().insert(txn, &member(5, "red", Some(1)))).await.unwrap();
        assert_eq!(db.stats().requests - before, 1);
        assert_consistent(&db).await;
    }

    async fn a_reference_that_was_there_before_the_rule_stays(store) {
        /// The members before they referred to anything.
        #[derive(Persist)]
        #[pmap(slot = 52, name = "Member")]
        struct Loose {
            #[pmap(key)]
            id: u32,
            team: String,
            boss: Option<u32>,
        }
        let db = store.connect().await;
        let loose = Loose { id: 1, team: "gone".to_owned(), boss: None };
        db.write(async |txn| Loose::table().put(txn, &loose)).await.unwrap();
        attach(&db).await;
        Member::table().rebuild_indexes(&db).await.unwrap();
        db.write(async |txn| Member::table().put(txn, &member(1, "gone", Some(1)))).await.unwrap();
        let error: Error =
            db.write(async |txn| Member::table().put(txn, &member(1, "other", None))).await.unwrap_err();
        assert!(error.is_reference_violation(), "{error}");
        assert_eq!(rows(&db).await.1, [member(1, "gone", Some(1))]);
    }

    async fn deletions_are_refused_passed_on_or_leave_nothing(store) {
        let db = store.connect().await;
        fill(&db).await;
        let error: Error = db.write(async |txn| Team::table().delete(txn, "red")).await.unwrap_err();
        assert!(error.is_reference_violation(), "{error}");
        for part in ["Team (slot 50), key \"red\"", "key \"blue\"", "`parent`"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        // A boss goes: those below have none any more. The badge goes along.
        db.write(async |txn| Member::table().delete(txn, &1)).await.unwrap();
        let (_, members, badges) = rows(&db).await;
        assert_eq!(members, [member(2, "red", None), member(3, "blue", None)]);
        assert_eq!(badges, [200, 300]);
        // A team goes with its members and their badges.
        db.write(async |txn| Team::table().delete(txn, "blue")).await.unwrap();
        assert_eq!(rows(&db).await, (vec![team("red", None)], vec![member(2, "red", None)], vec![200]));
        // Now nothing is below it.
        db.write(async |txn| Team::table().delete(txn, "red")).await.unwrap();
        assert_eq!(rows(&db).await, (vec![], vec![], vec![]));
        assert_consistent(&db).await;
    }

    async fn a_truncated_table_counts_as_deleted(store) {
        let db = store.connect().await;
        fill(&db).await;
        db.write(async |txn| Member::table().truncate(txn).await).await.unwrap();
        let (teams, members, badges) = rows(&db).await;
        assert_eq!((teams.len(), members.len(), badges.len()), (2, 0, 0));
        // The team that is put anew keeps its own.
        db.write(async |txn| Member::table().insert(txn, &member(1, "red", None))).await.unwrap();
        db.write(async |txn| {
            Team::table().truncate(txn).await?;
            Team::table().put(txn, &team("red", None))
        })
        .await
        .unwrap();
        assert_eq!(rows(&db).await, (vec![team("red", None)], vec![member(1, "red", None)], vec![]));
        assert_consistent(&db).await;
    }

    async fn a_reference_and_a_deletion_at_the_same_time_meet(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        fill(&one).await;
        attach(&other).await;
        // A member comes while the team goes: one of them does not.
        let insert = one.begin().await.unwrap();
        Member::table().insert(&insert, &member(9, "blue", None)).unwrap();
        other.write(async |txn| Team::table().delete(txn, "blue")).await.unwrap();
        assert!(insert.commit().await.unwrap_err().is_reference_violation());
        let delete = one.begin().await.unwrap();
        Member::table().delete(&delete, &1).unwrap();
        Member::table().delete(&delete, &2).unwrap();
        let first = delete.commit();
        let (deleted, inserted) = tokio::join!(
            first,
            other.write(async |txn| Badge::table().insert(txn, &Badge { number: 5, member: 2 }))
        );
        let _: Result<(), Error> = inserted;
        let (_, members, badges) = rows(&one).await;
        if deleted.is_ok() {
            assert!(members.is_empty() && badges.is_empty(), "{members:?} {badges:?}");
        }
        for db in [&one, &other] {
            assert_consistent(db).await;
        }
    }

    async fn a_dangling_reference_is_found_whatever_else_was_read(store) {
        let db = store.builder().max_attempts(3).connect().await.unwrap();
        fill(&db).await;
        let error: Error = db
            .write(async |txn| {
                Member::by_team().get_all(txn, "red").keys().await?;
                Member::table().insert(txn, &member(9, "green", None))
            })
            .await
            .unwrap_err();
        assert!(error.is_reference_violation(), "{error}");
    }

    async fn a_row_whose_field_becomes_none_keeps_its_lease(store) {
        let db = store.connect().await;
        fill(&db).await;
        db.write(async |txn| {
            Member::table().with_ttl(Duration::from_secs(600)).put(txn, &member(9, "red", Some(1)))?;
            Member::table().delete(txn, &1)
        })
        .await
        .unwrap();
        let key = [&52_u16.to_be_bytes()[..], &9_u32.to_be_bytes()].concat();
        let stored = db.client().get(key).await.unwrap();
        assert_ne!(stored.kvs()[0].lease(), 0);
        assert_eq!(rows(&db).await.1.last(), Some(&member(9, "red", None)));
    }

    async fn a_deletion_is_refused_for_rows_that_are_left_only(store) {
        let db = store.connect().await;
        fill(&db).await;
        // In both orders, since the last table that is attached is looked at last.
        for keys_last in [true, false] {
            // Attaching the keys changes what the catalogue has of rooms.
            db.attach::<RoomKey>().await.unwrap();
            db.attach::<Room>().await.unwrap();
            if keys_last {
                db.attach::<RoomKey>().await.unwrap();
            }
            db.write(async |txn| {
                Member::table().put(txn, &member(7, "red", None))?;
                Room::table().insert(txn, &Room { id: 1, owner: 7 })?;
                RoomKey::table().insert(txn, &RoomKey { id: 1, room: 1, owner: 7, holder: None })?;
                RoomKey::table().insert(txn, &RoomKey { id: 2, room: 1, owner: 3, holder: None })
            })
            .await
            .unwrap();
            let error: Error = db.write(async |txn| Member::table().delete(txn, &7)).await.unwrap_err();
            assert!(error.is_reference_violation(), "{error}");
            db.write(async |txn| RoomKey::table().delete(txn, &2)).await.unwrap();
            db.write(async |txn| Member::table().delete(txn, &7)).await.unwrap();
            let left = db.read(async |txn| RoomKey::table().count(txn).await).await.unwrap();
            assert_eq!(left, 0);
        }
    }

    async fn who_knows_a_referrer_without_a_newer_reference_does_not_delete(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        fill(&one).await;
        attach(&other).await;
        for db in [&one, &other] {
            db.attach::<Room>().await.unwrap();
        }
        other.attach::<OlderRoomKey>().await.unwrap();
        one.write(async |txn| Room::table().insert(txn, &Room { id: 1, owner: 2 })).await.unwrap();
        one.attach::<RoomKey>().await.unwrap();
        one.write(async |txn| RoomKey::table().insert(txn, &RoomKey { id: 1, room: 1, owner: 2, holder: Some(3) })).await.unwrap();
        // The older program knows that keys have owners, but not that they have holders.
        let error: Error = other.write(async |txn| Member::table().delete(txn, &3)).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        one.write(async |txn| Member::table().delete(txn, &3)).await.unwrap();
        assert_eq!(one.read(async |txn| RoomKey::table().count(txn).await).await.unwrap(), 0);
    }

    async fn who_does_not_know_the_referrers_does_not_delete(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        fill(&one).await;
        let error: Error = other.write(async |txn| Member::table().delete(txn, &3)).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        assert!(error.to_string().contains("slot 55"), "{error}");
        other.attach::<Badge>().await.unwrap();
        other.write(async |txn| Member::table().delete(txn, &3)).await.unwrap();
        assert_eq!(rows(&one).await.2, [100, 200]);
        let tables = one.tables().await.unwrap();
        let members = tables.iter().find(|table| table.slot == 52).unwrap();
        assert_eq!(members.referenced_by, [52, 55]);
    }
}

async fn attach(db: &Database) {
    db.attach::<Team>().await.unwrap();
    db.attach::<Member>().await.unwrap();
    db.attach::<Badge>().await.unwrap();
}
