use txetcd::Persist;

#[derive(Persist)]
#[pmap(key = u64)]
struct User {
    name: String,
}

#[derive(Persist)]
struct Group {
    #[pmap(key)]
    id: u64,
}

#[derive(Persist)]
struct Nothing {
    id: u64,
}

fn main() {}
