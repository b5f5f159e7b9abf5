//! [`Compression`]: what happens to a value between its codec and etcd.
//!
//! There is no marker in the stored bytes that says which compression was used: the table's declaration
//! decides, as in the Python library.

use std::borrow::Cow;
use std::fmt;

use super::CodecError;

#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(any(feature = "zlib", feature = "zstd"))]
mod stream;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

/// How the values of a table are compressed after encoding: `#[pmap(compress = zlib)]`.
///
/// Each but `None` needs the feature of its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// The encoded value as it is.
    #[default]
    None,
    /// A zlib stream ([RFC 1950](https://www.rfc-editor.org/rfc/rfc1950)) at level 6, which begins `78 9c`;
    /// Python's `zlib.compress`.
    Zlib,
    /// One raw block of the [snappy format](https://github.com/google/snappy/blob/main/format_description.txt),
    /// not the framed one; `snappy.compress` of `python-snappy`.
    Snappy,
    /// One frame of [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878) at level 3, with its content size.
    Zstd,
    /// The size as a little-endian `u32`, then one
    /// [LZ4 block](https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md); Python's `lz4.block.compress`.
    Lz4,
}

/// The most bytes that a stored value may have once decompressed: 64 MiB. Longer ones are neither written nor
/// read, so that a small stored value cannot claim all memory.
pub const MAX_DECOMPRESSED: usize = 64 << 20;

impl Compression {
    /// This compression, checked to be compiled in.
    ///
    /// `#[derive(Persist)]` calls it in a constant, so that a missing feature is an error of the compiler.
    ///
    /// # Panics
    /// If the feature of its name is off.
    pub const fn require(self) -> Self {
        match self {
            Self::Zlib if !cfg!(feature = "zlib") => {
                panic!("`compress = zlib` needs the feature `zlib` of txetcd")
            }
            Self::Snappy if !cfg!(feature = "snappy") => {
                panic!("`compress = snappy` needs the feature `snappy` of txetcd")
            }
            Self::Zstd if !cfg!(feature = "zstd") => {
                panic!("`compress = zstd` needs the feature `zstd` of txetcd")
            }
            Self::Lz4 if !cfg!(feature = "lz4") => {
                panic!("`compress = lz4` needs the feature `lz4` of txetcd")
            }
            available => available,
        }
    }

    /// Compresses an encoded value.
    ///
    /// # Errors
    /// If the value is longer than [`MAX_DECOMPRESSED`], or the feature of this compression is off.
    pub fn compress(self, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
        if self == Self::None {
            return Ok(bytes);
        }
        if bytes.len() > MAX_DECOMPRESSED {
            return Err(too_long(self));
        }
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlib => zlib::compress(&bytes),
            #[cfg(feature = "snappy")]
            Self::Snappy => snappy::compress(&bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::compress(&bytes),
            #[cfg(feature = "lz4")]
            Self::Lz4 => Ok(lz4::compress(&bytes)),
            #[allow(unreachable_patterns)]
            off => Err(feature_off(off)),
        }
    }

    /// Decompresses a stored value; all of `bytes` must be used.
    ///
    /// # Errors
    /// If `bytes` are not one compressed value: damaged, truncated, followed by something, or longer than
    /// [`MAX_DECOMPRESSED`] once decompressed; or if the feature of this compression is off.
    pub fn decompress(self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, CodecError> {
        match self {
            Self::None => Ok(Cow::Borrowed(bytes)),
            #[cfg(feature = "zlib")]
            Self::Zlib => zlib::decompress(bytes).map(Cow::Owned),
            #[cfg(feature = "snappy")]
            Self::Snappy => snappy::decompress(bytes).map(Cow::Owned),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::decompress(bytes).map(Cow::Owned),
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4::decompress(bytes).map(Cow::Owned),
            #[allow(unreachable_patterns)]
            off => Err(feature_off(off)),
        }
    }

    /// The name as `#[pmap(compress = ...)]` and the catalogue have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zlib => "zlib",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn too_long(compression: Compression) -> CodecError {
    CodecError::new(format!("{compression}: the value is longer than {} MiB", MAX_DECOMPRESSED >> 20))
}

#[allow(dead_code)] // no compression feature may be on, or all of them
fn damaged(compression: Compression) -> CodecError {
    CodecError::new(format!(
        "{compression}: the stored bytes are damaged, truncated or of another compression"
    ))
}

#[allow(dead_code)]
fn feature_off(compression: Compression) -> CodecError {
    CodecError::new(format!("{compression}: needs the feature `{compression}` of txetcd"))
}
