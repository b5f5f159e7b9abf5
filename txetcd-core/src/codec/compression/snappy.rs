//! snappy, over `snap`.

use snap::raw::{Decoder, Encoder, decompress_len};

use super::{Compression, MAX_DECOMPRESSED, damaged, too_long};
use crate::codec::CodecError;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    Encoder::new().compress_vec(bytes).map_err(|_| CodecError::new("snappy: the compressor failed"))
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let refused = |_| damaged(Compression::Snappy);
    if decompress_len(bytes).map_err(refused)? > MAX_DECOMPRESSED {
        return Err(too_long(Compression::Snappy));
    }
    Decoder::new().decompress_vec(bytes).map_err(refused)
}
