//! Types that CBOR has a form of its own for, recognised by their type id in the midst of serde's data model.
//!
//! `typeid` needs no `'static` bound and takes all lifetimes for equal. Collections pass references to their
//! elements, so those are known as well.

use std::any::TypeId;

use ciborium::Value;
use uuid::Uuid;

/// The tag of a uuid as a byte string, from <https://github.com/lucas-clemente/cbor-specs/blob/master/uuid.md>.
pub(super) const UUID_TAG: u64 = 37;

/// The tag that says nothing of its item ("self-described CBOR", RFC 8949 section 3.4.6). Here it tells a byte
/// string that a type made itself from a sequence of bytes, see [`ByteString::Unknown`].
///
/// [`ByteString::Unknown`]: super::strings::ByteString::Unknown
pub(super) const SELF_DESCRIBED_TAG: u64 = 55799;

/// What is known of a type beyond serde's data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Uuid,
    /// A sequence of bytes to serde.
    ByteString,
    /// `ciborium`'s `Value`, whose tags and byte strings are written as they are.
    Value,
    Nothing,
}

macro_rules! is_any {
    ($id:expr, $($type:ty),*) => { $($id == TypeId::of::<$type>())||* };
}

impl Known {
    #[inline(always)]
    pub(super) fn of<T: ?Sized>(value: &T) -> Self {
        let id = typeid::of::<T>();
        if is_any!(id, Uuid, &Uuid, &&Uuid, Box<Uuid>) {
            Self::Uuid
        } else if is_any!(id, Vec<u8>, &Vec<u8>, &&Vec<u8>, [u8], &[u8], &&[u8], Box<[u8]>, &Box<[u8]>)
            || is_byte_array(id, size_of_val(value))
        {
            Self::ByteString
        } else if is_any!(id, Value, &Value, &&Value, Box<Value>) {
            Self::Value
        } else {
            Self::Nothing
        }
    }
}

/// Whether `T` is a uuid.
pub(super) fn is_uuid<T>() -> bool {
    typeid::of::<T>() == TypeId::of::<Uuid>()
}

/// Whether `T` is `ciborium`'s `Value`, which keeps tags.
pub(super) fn is_value<T>() -> bool {
    typeid::of::<T>() == TypeId::of::<Value>()
}

macro_rules! byte_arrays {
    ($($length:literal)*) => {
        /// Whether the type is an array of bytes that serde serializes, or a reference to one. The size of a
        /// value of the type leaves one or few to compare with. Once inlined the answer is a constant.
        #[inline(always)]
        fn is_byte_array(id: TypeId, size: usize) -> bool {
            const REFERENCE: usize = size_of::<&()>();
            match size {
                REFERENCE if is_any!(id, $(&[u8; $length]),*) => true,
                $($length => id == TypeId::of::<[u8; $length]>(),)*
                _ => false,
            }
        }
    };
}

byte_arrays!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
