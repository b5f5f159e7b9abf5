use txetcd::Persist;

#[derive(Persist)]
#[pmap(slot = 1)]
#[pmap(index(name = by_team_role, slot = 1, fields(team, rol)))]
#[pmap(index(slot = 9, fields(team)))]
#[pmap(index(name = by_domain, slot = 10, key = String))]
#[pmap(index(name = by_team, slot = 11, fields(team), each))]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(index)]
    email: String,
    #[pmap(index(unique))]
    name: String,
    #[pmap(index(slot = 0))]
    age: u8,
    #[pmap(index(slot = 2, uniqe), skip)]
    cache: u8,
    #[pmap(index(slot = 2), index(slot = 3, name = by_team))]
    team: String,
    role: u8,
}

#[derive(Persist)]
#[pmap(slot = 20, key = u64, index(name = by_kind, slot = 21, fields(kind)))]
enum Event {
    Started {
        #[pmap(index(slot = 22))]
        kind: String,
    },
}

#[derive(Persist)]
#[pmap(slot = 30)]
struct Pair(#[pmap(key)] u64, #[pmap(index(slot = 31))] String);

fn main() {}
