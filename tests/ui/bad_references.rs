use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(references = User)]
    boss: Option<u64>,
    #[pmap(on_delete = cascade)]
    deputy: Option<u64>,
    #[pmap(references = User, on_delete = set_null, index(slot = 2))]
    assistant: u64,
    #[pmap(references = User, on_delete = delete, index(slot = 3))]
    driver: u64,
    #[pmap(references = 7, index(slot = 4))]
    cook: u64,
}

fn main() {}
