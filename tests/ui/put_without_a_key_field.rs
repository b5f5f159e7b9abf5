use txetcd::{Persist, Uuid, WriteTxn};

#[derive(Persist)]
#[pmap(slot = 1, key = Uuid)]
struct User {
    name: String,
}

fn put(txn: &WriteTxn, user: &User) -> txetcd::Result<()> {
    User::table().put(txn, user)?;
    User::table().insert(txn, user)
}

fn main() {}
