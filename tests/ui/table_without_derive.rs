use txetcd::Table;

struct User {
    id: u64,
}

fn main() {
    let _ = Table::<User>::new();
    let _ = User::table();
}
