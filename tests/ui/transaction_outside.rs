use txetcd::{Database, Persist};

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
}

async fn program(db: &Database) -> txetcd::Result<Option<User>> {
    User::table().get(db, &1).await
}

fn main() {}
