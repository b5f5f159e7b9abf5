//! A FlatBuffer table as `flatc` generates them, by hand: `table Person { name: string; scores: [ulong]; }`.

use flatbuffers::{
    FlatBufferBuilder, Follow, ForwardsUOffset, InvalidFlatbuffer, Table, VOffsetT, Vector, Verifiable,
    Verifier, WIPOffset,
};
use txetcd_core::codec::{CodecError, Flatbuffer};

const NAME: VOffsetT = 4;
const SCORES: VOffsetT = 6;

/// The table in a verified buffer.
#[derive(Clone, Copy)]
pub(crate) struct PersonTable<'buf> {
    table: Table<'buf>,
}

impl<'buf> Follow<'buf> for PersonTable<'buf> {
    type Inner = Self;

    unsafe fn follow(buf: &'buf [u8], loc: usize) -> Self {
        // SAFETY: the caller promises a table of this type at `loc`.
        Self { table: unsafe { Table::new(buf, loc) } }
    }
}

impl Verifiable for PersonTable<'_> {
    fn run_verifier(verifier: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        verifier
            .visit_table(at)?
            .visit_field::<ForwardsUOffset<&str>>("name", NAME, false)?
            .visit_field::<ForwardsUOffset<Vector<'_, u64>>>("scores", SCORES, false)?
            .finish();
        Ok(())
    }
}

/// What the table is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) scores: Option<Vec<u64>>,
}

impl Flatbuffer for Person {
    type Root<'buf> = PersonTable<'buf>;

    fn build<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> WIPOffset<PersonTable<'b>> {
        let name = builder.create_string(&self.name);
        let scores = self.scores.as_ref().map(|scores| builder.create_vector(scores));
        let table = builder.start_table();
        builder.push_slot_always(NAME, name);
        if let Some(scores) = scores {
            builder.push_slot_always(SCORES, scores);
        }
        WIPOffset::new(builder.end_table(table).value())
    }

    fn read<'buf>(root: PersonTable<'buf>) -> Result<Self, CodecError> {
        // SAFETY: the buffer has been verified to be this table, with these types in these slots.
        let name = unsafe { root.table.get::<ForwardsUOffset<&str>>(NAME, None) };
        let name = name.ok_or_else(|| CodecError::new("flatbuffers: no name"))?.to_owned();
        // SAFETY: as above.
        let scores = unsafe { root.table.get::<ForwardsUOffset<Vector<'buf, u64>>>(SCORES, None) };
        Ok(Self { name, scores: scores.map(|scores| scores.iter().collect()) })
    }
}

#[cfg(test)]
mod tests {
    use txetcd_core::codec::{Codec, Flatbuffers};

    use super::Person;

    fn encode(person: &Person) -> Vec<u8> {
        let mut bytes = Vec::new();
        <Flatbuffers as Codec<Person>>::encode(person, &mut bytes).expect("encodes");
        bytes
    }

    #[test]
    fn tables_come_back() {
        for scores in [None, Some(Vec::new()), Some(vec![1, u64::MAX])] {
            let person = Person { name: "ann".to_owned(), scores };
            assert_eq!(<Flatbuffers as Codec<Person>>::decode(&encode(&person)).expect("decodes"), person);
        }
    }

    #[test]
    fn buffers_are_verified_before_they_are_read() {
        let person = Person { name: "canary".to_owned(), scores: Some(vec![7; 9]) };
        let bytes = encode(&person);
        for cut in 0..bytes.len() {
            // The end may be padding, which belongs to no part of the value.
            let decoded = <Flatbuffers as Codec<Person>>::decode(&bytes[..cut]);
            assert!(
                decoded.is_err() || cut > bytes.len() - 8 && decoded.is_ok_and(|read| read == person),
                "{cut}"
            );
        }
        for at in 0..bytes.len() {
            for with in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = with;
                if let Err(error) = <Flatbuffers as Codec<Person>>::decode(&damaged) {
                    assert!(!error.to_string().contains("canary"), "{error}");
                }
            }
        }
    }
}
