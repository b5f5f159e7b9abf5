use txetcd::Persist;
use txetcd::codec::Utf8;

#[derive(Persist)]
#[pmap(slot = 1, key = u64, codec = Utf8)]
struct User {
    name: String,
}

fn main() {}
