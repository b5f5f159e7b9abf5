//! snappy, over `snap`.

use snap::raw::{Decoder, Encoder, decompress_len};

use super::{Compression, MAX_DECOMPRESSED, damaged, too_long};
use crate::codec::CodecError;

/// No byte of a block stands for more than this; a size beyond it is not worth an allocation.
const MAX_RATIO: usize = 64;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    Encoder::new().compress_vec(bytes).map_err(|_| CodecError::new("snappy: the compressor failed"))
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let refused = |_| damaged(Compression::Snappy);
    let size = decompress_len(bytes).map_err(refused)?;
    if size > MAX_DECOMPRESSED {
        return Err(too_long(Compression::Snappy));
    }
    if size / MAX_RATIO > bytes.len() {
        return Err(damaged(Compression::Snappy));
    }
    Decoder::new().decompress_vec(bytes).map_err(refused)
}
