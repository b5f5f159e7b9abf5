use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64, crate = "nowhere")]
struct User {
    name: String,
}

fn main() {}
