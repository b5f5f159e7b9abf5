use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct Wrapper<T> {
    #[pmap(key)]
    id: u64,
    value: T,
}

struct Opaque;

fn store<R: Persist>(_: R) {}

fn main() {
    store(Wrapper { id: 1, value: Opaque });
}
