use txetcd::Key;

#[derive(Clone)]
struct Point;

#[derive(Key, Clone)]
struct Place {
    name: String,
    at: Point,
}

#[derive(Key)]
struct NotClone(u64);

fn main() {}
