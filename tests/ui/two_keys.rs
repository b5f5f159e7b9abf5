use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(key)]
    email: String,
    #[pmap(key)]
    name: String,
}

fn main() {}
