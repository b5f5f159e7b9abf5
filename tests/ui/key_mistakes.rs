use txetcd::Key;

#[derive(Key, Clone)]
enum Kind {
    Number(u64),
    Text { text: String },
    #[pmap(rename = "gone")]
    Lost,
}

#[derive(Key, Clone)]
enum Numbered {
    Other = 7,
}

#[derive(Key, Clone)]
enum Never {}

#[derive(Key, Clone)]
struct Borrowed<'a>(&'a str);

#[derive(Key, Clone)]
#[pmap(slot = 1, crate = 7)]
struct Attributes {
    #[pmap(key)]
    id: u64,
}

#[derive(Key, Clone, Copy)]
union Bits {
    number: u64,
}

fn main() {}
