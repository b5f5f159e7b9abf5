use txetcd::{Database, Persist, Uuid};

#[derive(Persist)]
#[pmap(slot = 1, key = Uuid)]
struct User {
    name: String,
}

async fn program(db: &Database) -> txetcd::Result<()> {
    let users = User::table();
    db.write(async |txn| {
        users.get(txn, "joe").await?;
        users.delete(txn, &7_u64)?;
        Ok::<_, txetcd::Error>(())
    })
    .await
}

fn main() {}
