use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    email: String,
}

#[derive(Persist)]
#[pmap(slot = 2)]
enum Shape {
    Circle(f64),
    Square(f64),
}

fn main() {}
