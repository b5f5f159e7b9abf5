use txetcd::{Persist, Table, WriteTxn};

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
}

#[derive(Persist)]
#[pmap(slot = 2)]
struct Group {
    #[pmap(key)]
    id: u64,
}

fn put(txn: &WriteTxn) -> txetcd::Result<()> {
    User::table().put(txn, &Group { id: 1 })
}

fn groups() -> Table<Group> {
    User::table()
}

fn main() {}
