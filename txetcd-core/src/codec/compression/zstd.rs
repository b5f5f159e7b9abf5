//! zstd, over the `zstd` crate.

use zstd::stream::read::Decoder;

use super::stream::read_limited;
use super::{Compression, MAX_DECOMPRESSED, damaged};
use crate::codec::CodecError;

/// The library's default.
const LEVEL: i32 = 3;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    zstd::bulk::compress(bytes, LEVEL).map_err(|_| CodecError::new("zstd: the compressor failed"))
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let refused = |_| damaged(Compression::Zstd);
    let mut decoder = Decoder::with_buffer(bytes).map_err(refused)?.single_frame();
    // The window is allocated before any data is seen; it need not be larger than what may come out.
    decoder.window_log_max(MAX_DECOMPRESSED.ilog2()).map_err(refused)?;
    let out = read_limited(&mut decoder, Compression::Zstd)?;
    if decoder.finish().is_empty() { Ok(out) } else { Err(damaged(Compression::Zstd)) }
}
