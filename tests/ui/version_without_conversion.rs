use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u32)]
struct UserV1 {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1, key = u32, version = 2, from = UserV1)]
struct User {
    names: Vec<String>,
}

fn main() {}
