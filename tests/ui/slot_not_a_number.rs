use txetcd::Persist;

const USERS: u16 = 1;

#[derive(Persist)]
#[pmap(slot = "1", key = u64)]
struct Text {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = USERS, key = u64)]
struct Constant {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1.5, key = u64)]
struct Fraction {
    name: String,
}

#[derive(Persist)]
#[pmap(slot, key = u64)]
struct Missing {
    name: String,
}

#[derive(Persist)]
#[pmap(slot(1), key = u64)]
struct Call {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = , key = u64)]
struct Nothing {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 1 + 1, key = u64)]
struct Sum {
    name: String,
}

fn main() {}
