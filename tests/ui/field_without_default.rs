use txetcd::Persist;

struct Moment(u64);

mod moment {
    pub fn serialize<S>(_: &super::Moment, _: S) -> Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        unimplemented!()
    }

    pub fn deserialize<'de, D>(_: D) -> Result<super::Moment, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        unimplemented!()
    }
}

#[derive(Persist)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    id: u64,
    #[pmap(with = moment, default)]
    created: Moment,
    #[pmap(skip)]
    seen: Moment,
}

fn main() {}
