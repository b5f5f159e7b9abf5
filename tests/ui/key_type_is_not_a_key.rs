use txetcd::Persist;

struct Point {
    x: f64,
    y: f64,
}

#[derive(Persist)]
#[pmap(slot = 1, key = Point)]
struct City {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 2)]
struct Place {
    #[pmap(key)]
    at: (u64, Point),
    #[pmap(skip)]
    seen: bool,
}

fn main() {}
