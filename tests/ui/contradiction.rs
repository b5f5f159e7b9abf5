use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct Defaulted {
    #[pmap(key, default)]
    id: u64,
}

#[derive(Persist)]
#[pmap(slot = 2)]
struct Skipped {
    #[pmap(skip, key)]
    id: u64,
    #[pmap(skip, rename = "n", alias = "m", with = module)]
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 3)]
struct Tuple(#[pmap(key)] u64, #[pmap(rename = "name")] String, #[pmap(default)] String, u64);

fn main() {}
