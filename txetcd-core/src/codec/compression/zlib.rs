//! zlib, over `flate2`.

use std::io::Read;

use flate2::bufread::{ZlibDecoder, ZlibEncoder};

use super::stream::read_limited;
use super::{Compression, damaged};
use crate::codec::CodecError;

/// Python's default.
const LEVEL: u32 = 6;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    let mut encoder = ZlibEncoder::new(bytes, flate2::Compression::new(LEVEL));
    encoder.read_to_end(&mut out).map_err(|_| CodecError::new("zlib: the compressor failed"))?;
    Ok(out)
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut decoder = ZlibDecoder::new(bytes);
    let out = read_limited(&mut decoder, Compression::Zlib)?;
    if decoder.into_inner().is_empty() { Ok(out) } else { Err(damaged(Compression::Zlib)) }
}
