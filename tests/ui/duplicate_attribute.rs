use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64, slot = 2)]
#[pmap(key = u64)]
struct User {
    #[pmap(key, key)]
    id: u64,
    #[pmap(rename = "a", alias = "b", alias = "c", rename = "d")]
    name: String,
}

fn main() {}
