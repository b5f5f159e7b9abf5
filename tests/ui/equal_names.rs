use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(rename = "name")]
    first: String,
    #[pmap(alias = "id")]
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 2, key = u64)]
enum Shape {
    Circle(f64),
    #[pmap(rename = "Circle")]
    Square(f64),
}

fn main() {}
