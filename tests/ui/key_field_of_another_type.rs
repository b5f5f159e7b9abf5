use txetcd::{Persist, Uuid};

#[derive(Persist)]
#[pmap(slot = 1, key = Uuid)]
struct User {
    #[pmap(key)]
    id: String,
}

fn main() {}
