use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u32, version = 2)]
struct NoFrom {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1, key = u32, from = NoFrom)]
struct NoVersion {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1, key = u32, version = 0)]
struct Zero {
    name: String,
}

fn main() {}
