//! Borrowed forms that stand for a key: `str` for `String`, `[u8]` for `Vec<u8>`, a reference for any key, and
//! `&str` for a `String` at the end of a tuple.

use super::text::{encode_escaped, escaped_len};
use super::{Key, KeyError, KeyLike};

#[diagnostic::do_not_recommend]
impl<K: Key> KeyLike<K> for &K {
    fn encode_key(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        (*self).encode(out)
    }

    fn encode_key_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        (*self).encode_part(out)
    }

    fn key_size_hint(&self) -> usize {
        (*self).size_hint()
    }
}

macro_rules! bytes_like {
    ($($key:ty: $({$($generic:tt)*})? $borrowed:ty, $as_bytes:ident;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl $(<$($generic)*>)? KeyLike<$key> for $borrowed {
            fn encode_key(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.extend_from_slice(self.$as_bytes());
                Ok(())
            }

            fn encode_key_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                encode_escaped(self.$as_bytes(), out);
                Ok(())
            }

            fn key_size_hint(&self) -> usize {
                escaped_len(self.$as_bytes())
            }
        }
    )*};
}

bytes_like! {
    String: str, as_bytes;
    String: &str, as_bytes;
    Vec<u8>: [u8], as_ref;
    Vec<u8>: &[u8], as_ref;
    Vec<u8>: {const N: usize} [u8; N], as_slice;
    Vec<u8>: {const N: usize} &[u8; N], as_slice;
}

macro_rules! ends_with_str {
    ($($init:ident $index:tt),+; $last:tt) => {
        #[diagnostic::do_not_recommend]
        impl<$($init: Key),+> KeyLike<($($init,)+ String)> for ($($init,)+ &str) {
            fn encode_key(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.key_size_hint());
                $(self.$index.encode_part(out)?;)+
                self.$last.encode_key(out)
            }

            fn encode_key_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.key_size_hint());
                $(self.$index.encode_part(out)?;)+
                self.$last.encode_key_part(out)
            }

            fn key_size_hint(&self) -> usize {
                $(self.$index.size_hint() +)+ self.$last.key_size_hint()
            }
        }
    };
}

ends_with_str!(A 0; 1);
ends_with_str!(A 0, B 1; 2);
ends_with_str!(A 0, B 1, C 2; 3);
