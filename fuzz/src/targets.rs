//! One target for each decoder.

mod codecs;
mod compressions;
mod keys;

use fastrand::Rng;

/// A decoder that is tried.
pub(crate) struct Target {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it may take beyond what all may.
    pub(crate) memory: usize,
    /// Bytes that it accepts.
    pub(crate) valid: fn(&mut Rng) -> Vec<u8>,
    /// Tries any bytes. Panics if a promise is broken; gives whether the bytes were accepted.
    pub(crate) run: fn(&[u8]) -> bool,
}

pub(crate) static TARGETS: [Target; 12] = [
    codecs::CBOR,
    codecs::JSON,
    codecs::PICKLE,
    codecs::MSGPACK,
    codecs::POSTCARD,
    codecs::FLATBUFFERS,
    codecs::RAW,
    compressions::ZLIB,
    compressions::SNAPPY,
    compressions::ZSTD,
    compressions::LZ4,
    keys::KEYS,
];
