//! The compressions: any bytes decompress within the limit or give an error, and all bytes come back.

use fastrand::Rng;
use txetcd_core::codec::{Compression, MAX_DECOMPRESSED};

use crate::Target;

fn valid(compression: Compression, rng: &mut Rng) -> Vec<u8> {
    let piece: Vec<u8> = (0..rng.usize(0..20)).map(|_| rng.u8(..)).collect();
    compression.compress(piece.repeat(rng.usize(0..8))).expect("compresses")
}

fn run(compression: Compression, bytes: &[u8]) -> bool {
    let accepted = match compression.decompress(bytes) {
        Ok(value) => {
            assert!(value.len() <= MAX_DECOMPRESSED);
            true
        }
        Err(_) => false,
    };
    let compressed = compression.compress(bytes.to_vec()).expect("compresses");
    assert_eq!(compression.decompress(&compressed).expect("decompresses"), bytes);
    accepted
}

macro_rules! target {
    ($target:ident, $name:literal, $compression:ident) => {
        pub(super) const $target: Target = Target {
            name: $name,
            // Few bytes may stand for the most that a value may be, in a buffer that grows by doubling.
            memory: 3 * MAX_DECOMPRESSED,
            valid: |rng| valid(Compression::$compression, rng),
            run: |bytes| run(Compression::$compression, bytes),
        };
    };
}

target!(ZLIB, "zlib", Zlib);
target!(SNAPPY, "snappy", Snappy);
target!(ZSTD, "zstd", Zstd);
target!(LZ4, "lz4", Lz4);
