use txetcd::Persist;

struct Address {
    street: String,
}

struct Connection;

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
    addresses: Vec<Address>,
    name: String,
    connection: Connection,
}

fn main() {
    let _ = User::table();
}
