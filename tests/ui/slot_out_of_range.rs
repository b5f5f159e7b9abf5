use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 0, key = u64)]
struct Catalogue {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 65535, key = u64)]
struct Last {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 100_000, key = u64)]
struct Large {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = -1, key = u64)]
struct Negative {
    name: String,
}

fn main() {}
