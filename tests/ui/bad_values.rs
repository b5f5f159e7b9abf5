use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = 5, codec = "Cbor", compress = gzip, name = users, crate = txetcd)]
struct User {
    #[pmap(key = u64)]
    id: u64,
    #[pmap(default = "now", rename = 'n', alias = "", with = 7)]
    name: String,
    #[pmap(skip = true)]
    cache: u8,
}

#[derive(Persist)]
#[pmap(slot = 2, key = u64, compress = zlip, name = "", crate = "not a path")]
struct Group {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 3 key = u64 "name", compress = "zlib")]
struct Commas {
    name: String,
}

fn main() {}
