use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, skip)]
struct User {
    #[pmap(key, codec = Cbor)]
    id: u64,
}

#[derive(Persist)]
#[pmap(slot = 2, key = u64)]
enum Shape {
    #[pmap(default)]
    Circle(f64),
    Square(#[pmap(key)] f64),
}

fn main() {}
