use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 70000, codec, compres = zlib)]
struct User<'a> {
    #[pmap(key, default)]
    id: u64,
    #[pmap(key)]
    #[pmap(primary)]
    name: &'a str,
}

fn main() {}
