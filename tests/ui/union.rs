use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64)]
union Number {
    integer: u64,
    float: f64,
}

fn main() {}
