use std::cell::Cell;

use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64)]
struct Counter {
    count: Cell<u64>,
}

fn main() {}
