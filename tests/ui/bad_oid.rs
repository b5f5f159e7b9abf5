use txetcd::Persist;

#[derive(Persist)]
#[pmap(oid = "7", key = u32)]
struct Short {
    name: String,
}

#[derive(Persist)]
#[pmap(oid = 7, key = u32)]
struct Number {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1, oid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8", key = u32)]
struct Both {
    name: String,
}

fn main() {}
