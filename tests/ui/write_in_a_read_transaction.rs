use txetcd::{Database, Persist};

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
}

async fn program(db: &Database) -> txetcd::Result<()> {
    let users = User::table();
    db.read(async |txn| {
        users.put(txn, &User { id: 1 })?;
        users.delete(txn, &1)?;
        users.take(txn, &1).await?;
        Ok::<_, txetcd::Error>(())
    })
    .await
}

fn main() {}
