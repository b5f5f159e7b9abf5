use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64)]
struct User {
    name: &'static str,
}

fn main() {}
