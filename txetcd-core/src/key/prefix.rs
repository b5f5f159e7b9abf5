//! [`KeyPrefix`]: what many keys begin with.

use super::text::encode_unended;
use super::{Key, KeyError, KeyLike};

/// The beginning of keys of type `K`: of a string or byte string, or the first elements of a tuple.
#[diagnostic::on_unimplemented(
    message = "keys of type `{K}` do not begin with a `{Self}`",
    note = "string keys have string prefixes; a tuple key has its first element, or a tuple of its first elements"
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

macro_rules! tuple_prefixes {
    ($($rest:ident)+) => {
        impl<$($rest: Key),+> KeyPrefix<(String, $($rest),+)> for &str {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                KeyLike::<String>::encode_key_part(*self, out)
            }
        }

        impl<A: Key, $($rest: Key),+> KeyPrefix<(A, $($rest),+)> for A {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                self.encode_part(out)
            }
        }

        impl<A: Key, $($rest: Key),+> KeyPrefix<(A, $($rest),+)> for &A {
            fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                self.encode_part(out)
            }
        }
    };
}

tuple_prefixes!(B);
tuple_prefixes!(B C);
tuple_prefixes!(B C D);

impl<A: Key, B: Key, C: Key> KeyPrefix<(A, B, C)> for (A, B) {
    fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode_part(out)
    }
}

impl<A: Key, B: Key, C: Key, D: Key> KeyPrefix<(A, B, C, D)> for (A, B) {
    fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode_part(out)
    }
}

impl<A: Key, B: Key, C: Key, D: Key> KeyPrefix<(A, B, C, D)> for (A, B, C) {
    fn encode_prefix(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode_part(out)
    }
}
