use txetcd::Persist;

#[derive(Persist)]
#[pmap(slto = 1, key = u64, table = "users", compression = zlib)]
struct User {
    #[pmap(ksy)]
    id: u64,
    #[pmap(nullable, defualt)]
    email: String,
}

#[derive(Persist)]
#[pmap(slot = 2, key = u64)]
enum Shape {
    #[pmap(renam = "circle")]
    Circle {
        #[pmap(optional = Vec<u8>, rename = "r")]
        radius: f64,
    },
}

fn main() {}
