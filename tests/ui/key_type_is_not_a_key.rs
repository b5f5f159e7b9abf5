use serde::{Deserialize, Serialize};
use txetcd::Persist;

#[derive(Serialize, Deserialize)]
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
}

fn main() {}
