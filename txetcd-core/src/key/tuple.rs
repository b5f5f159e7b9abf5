//! Tuples: the elements one after the other, each but the last in its self-delimiting form.
//!
//! So `(Uuid, String)` is the 16 bytes of the uuid and the text as it is, which is what Python writes.

use super::{Key, KeyError};

macro_rules! tuple_key {
    ($($init:ident $index:tt,)* ; $last:ident $last_index:tt) => {
        impl<$($init: Key,)* $last: Key> Key for ($($init,)* $last,) {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.size_hint());
                $(self.$index.encode_part(out)?;)*
                self.$last_index.encode(out)
            }

            #[allow(unused_mut)] // a tuple of one has nothing in front of its last element
            fn decode(mut bytes: &[u8]) -> Result<Self, KeyError> {
                Ok(($($init::decode_part(&mut bytes)?,)* $last::decode(bytes)?,))
            }

            fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.size_hint());
                $(self.$index.encode_part(out)?;)*
                self.$last_index.encode_part(out)
            }

            fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
                Ok(($($init::decode_part(bytes)?,)* $last::decode_part(bytes)?,))
            }

            fn size_hint(&self) -> usize {
                $(self.$index.size_hint() +)* self.$last_index.size_hint()
            }
        }
    };
}

tuple_key!(; A 0);
tuple_key!(A 0,; B 1);
tuple_key!(A 0, B 1,; C 2);
tuple_key!(A 0, B 1, C 2,; D 3);
tuple_key!(A 0, B 1, C 2, D 3,; E 4);
tuple_key!(A 0, B 1, C 2, D 3, E 4,; F 5);
tuple_key!(A 0, B 1, C 2, D 3, E 4, F 5,; G 6);
tuple_key!(A 0, B 1, C 2, D 3, E 4, F 5, G 6,; H 7);
