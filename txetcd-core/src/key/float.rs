//! Floats, in the total order of IEEE 754 (`f64::total_cmp`): -NaN, -inf, ..., -0, +0, ..., +inf, +NaN.
//!
//! The bytes are the big-endian bits with the sign bit flipped, and for a negative number all others as well,
//! since there a greater magnitude is a smaller value. Every bit pattern is kept, that of a NaN included.

use super::read::fixed_size_key;

macro_rules! float {
    ($type:ty, $bits:ty, $sign:literal, $expected:literal) => {
        fixed_size_key!(
            $type,
            $expected,
            |v: &$type| {
                let bits = v.to_bits();
                Ok((if bits & $sign == 0 { bits | $sign } else { !bits }).to_be_bytes())
            },
            |b| {
                let bits = <$bits>::from_be_bytes(b);
                Ok(<$type>::from_bits(if bits & $sign == 0 { !bits } else { bits & !$sign }))
            }
        );
    };
}

float!(f32, u32, 0x8000_0000, "4 bytes of an f32");
float!(f64, u64, 0x8000_0000_0000_0000, "8 bytes of an f64");
