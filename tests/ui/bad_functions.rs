use txetcd::Persist;

mod text {}

fn wrong() -> String {
    String::new()
}

#[derive(Persist)]
#[pmap(slot = 1, key = u64)]
struct Counter {
    #[pmap(default = missing)]
    absent: u64,
    #[pmap(default = wrong)]
    count: u64,
    #[pmap(with = text)]
    name: String,
}

fn main() {}
