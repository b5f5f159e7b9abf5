use std::collections::HashMap;
use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
#[pmap(index(name = by_length, slot = 4, key = u64, with = User::length))]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(index(slot = 2))]
    attributes: HashMap<String, String>,
    #[pmap(index(slot = 3, each))]
    age: u8,
    #[pmap(references = Team, index(slot = 5))]
    team: u32,
}

impl User {
    fn length(&self) -> usize {
        self.attributes.len()
    }
}

#[derive(Persist)]
#[pmap(slot = 6)]
struct Team {
    #[pmap(key)]
    name: String,
}

#[derive(Persist)]
#[pmap(slot = 7)]
struct Group {
    #[pmap(key)]
    name: String,
    #[pmap(index(slot = 6))]
    colour: String,
}

txetcd::schema!(Team, Group);

fn main() {}
