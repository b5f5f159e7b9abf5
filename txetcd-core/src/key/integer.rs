//! Integers: big-endian; of a signed one the sign bit is flipped, so that negative ones sort first.

use super::read::fixed_size_key;

macro_rules! unsigned {
    ($($type:ty, $expected:literal;)*) => {$(
        fixed_size_key!($type, $expected, |v: &$type| Ok(v.to_be_bytes()), |b| Ok(<$type>::from_be_bytes(b)));
    )*};
}

macro_rules! signed {
    ($($type:ty, $expected:literal;)*) => {$(
        fixed_size_key!(
            $type,
            $expected,
            |v: &$type| Ok((*v ^ <$type>::MIN).to_be_bytes()),
            |b| Ok(<$type>::from_be_bytes(b) ^ <$type>::MIN)
        );
    )*};
}

unsigned! {
    u8, "1 byte of a u8";
    u16, "2 bytes of a u16";
    u32, "4 bytes of a u32";
    u64, "8 bytes of a u64";
    u128, "16 bytes of a u128";
}

signed! {
    i8, "1 byte of an i8";
    i16, "2 bytes of an i16";
    i32, "4 bytes of an i32";
    i64, "8 bytes of an i64";
    i128, "16 bytes of an i128";
}
