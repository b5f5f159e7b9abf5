use txetcd::Persist;

#[derive(Persist)]
#[pmap]
struct Word {
    #[pmap]
    id: u64,
}

#[derive(Persist)]
#[pmap()]
struct Empty {
    #[pmap()]
    id: u64,
}

#[derive(Persist)]
#[pmap = "slot"]
struct Value {
    #[pmap = "key"]
    id: u64,
}

#[derive(Persist)]
#[pmap("slot", 1, , key = u64)]
struct Literals {
    id: u64,
}

fn main() {}
