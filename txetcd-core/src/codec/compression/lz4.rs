//! LZ4, over `lz4_flex`.

use lz4_flex::block;

use super::{Compression, MAX_DECOMPRESSED, damaged, too_long};
use crate::codec::CodecError;

/// No byte of a block stands for more than this; a size beyond it is not worth an allocation.
const MAX_RATIO: usize = 255;

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    block::compress_prepend_size(bytes)
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let (size, block) = block::uncompressed_size(bytes).map_err(|_| damaged(Compression::Lz4))?;
    if size > MAX_DECOMPRESSED {
        return Err(too_long(Compression::Lz4));
    }
    if size / MAX_RATIO > block.len() {
        return Err(damaged(Compression::Lz4));
    }
    let out = block::decompress(block, size).map_err(|_| damaged(Compression::Lz4))?;
    if out.len() == size { Ok(out) } else { Err(damaged(Compression::Lz4)) }
}
