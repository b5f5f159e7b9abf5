use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1, key = u64)]
struct User<'a, 'b> {
    name: &'a str,
    email: &'b str,
}

fn main() {}
