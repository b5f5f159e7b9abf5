use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u32)]
struct User {
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 2, key = u32)]
struct Order {
    item: String,
}

#[derive(Persist)]
#[pmap(slot = 1, key = u32)]
struct Invoice {
    sum: u32,
}

txetcd::schema!(User, Order);
txetcd::schema!(User, Order, Invoice);

fn main() {}
