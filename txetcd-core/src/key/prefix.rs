//! [`KeyPrefix`]: what many keys begin with.

use super::text::encode_unended;
use super::{Key, KeyError, KeyLike};

/// The beginning of keys of type `K`: of a string or byte string, or the first elements of a tuple or of a struct with
/// `#[derive(Key)]`.
///
/// One element is given by itself, several as a tuple; a `String` among them that is the last can be a `&str`.
#[diagnostic::on_unimplemented(
    message = "keys of type `{K}` do not begin with a `{Self}`",
    note = "string keys have string prefixes; the prefix of a tuple or struct key is its first element, or a tuple of its first elements"
)]
pub trait KeyPrefix<K: Key> {
    /// Appends the bytes with which all these keys begin, and no others.
    ///
    /// # Errors
    /// As [`Key::encode`].
    fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError>;

    /// The same for keys in their self-delimiting form.
    ///
    /// # Errors
    /// As [`Key::encode`].
    fn encode_prefix_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode_prefix(out)
    }
}

macro_rules! raw_prefixes {
    ($($key:ty: $($prefix:ty),*;)*) => {$($(
        impl KeyPrefix<$key> for $prefix {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.extend_from_slice(self.as_ref());
                Ok(())
            }

            fn encode_prefix_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                encode_unended(self.as_ref(), out);
                Ok(())
            }
        }
    )*)*};
}

raw_prefixes! {
    String: &str, String, &String;
    Vec<u8>: &[u8], Vec<u8>, &Vec<u8>;
}

/// The first elements of a tuple in front of others: one by itself, or by reference, and several as a tuple. A string
/// at their end can be a `&str`.
macro_rules! tuple_prefix {
    ([] $first:ident 0; $($rest:ident)+) => {
        impl<$($rest: Key),+> KeyPrefix<(String, $($rest),+)> for &str {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                KeyLike::<String>::encode_key_part(*self, out)
            }
        }

        impl<$first: Key, $($rest: Key),+> KeyPrefix<($first, $($rest),+)> for $first {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                self.encode_part(out)
            }
        }

        impl<$first: Key, $($rest: Key),+> KeyPrefix<($first, $($rest),+)> for &$first {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                self.encode_part(out)
            }
        }
    };
    ([$($init:ident $index:tt)+] $last:ident $last_index:tt; $($rest:ident)+) => {
        impl<$($init: Key,)+ $($rest: Key),+> KeyPrefix<($($init,)+ String, $($rest),+)> for ($($init,)+ &str) {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                $(self.$index.encode_part(out)?;)+
                KeyLike::<String>::encode_key_part(self.$last_index, out)
            }
        }

        impl<$($init: Key,)+ $last: Key, $($rest: Key),+> KeyPrefix<($($init,)+ $last, $($rest),+)>
            for ($($init,)+ $last)
        {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                self.encode_part(out)
            }
        }
    };
}

/// All prefixes of a tuple.
macro_rules! tuple_prefixes {
    ([$($init:ident $index:tt)*] $last:ident $last_index:tt; $next:ident $next_index:tt $($rest:ident $rest_index:tt)*) => {
        tuple_prefix!([$($init $index)*] $last $last_index; $next $($rest)*);
        tuple_prefixes!([$($init $index)* $last $last_index] $next $next_index; $($rest $rest_index)*);
    };
    ([$($init:ident $index:tt)*] $last:ident $last_index:tt;) => {};
}

tuple_prefixes!([] A 0; B 1);
tuple_prefixes!([] A 0; B 1 C 2);
tuple_prefixes!([] A 0; B 1 C 2 D 3);
tuple_prefixes!([] A 0; B 1 C 2 D 3 E 4);
tuple_prefixes!([] A 0; B 1 C 2 D 3 E 4 F 5);
tuple_prefixes!([] A 0; B 1 C 2 D 3 E 4 F 5 G 6);
tuple_prefixes!([] A 0; B 1 C 2 D 3 E 4 F 5 G 6 H 7);
