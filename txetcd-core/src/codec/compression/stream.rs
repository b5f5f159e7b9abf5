//! Reading a decompressing stream within the limit.

use std::io::Read;

use super::{Compression, MAX_DECOMPRESSED, damaged, too_long};
use crate::codec::CodecError;

/// Reads `decoder` to its end. The buffer grows as data comes, so that memory follows what is really there.
pub(super) fn read_limited(decoder: &mut impl Read, compression: Compression) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    let limit = MAX_DECOMPRESSED as u64 + 1;
    decoder.take(limit).read_to_end(&mut out).map_err(|_| damaged(compression))?;
    if out.len() > MAX_DECOMPRESSED { Err(too_long(compression)) } else { Ok(out) }
}
