//! The targets, by what they read.

mod bookkeeping;
mod codecs;
mod compressions;
mod files;
mod history;
mod input;
mod keys;
mod requests;
mod rows;
mod texts;
mod world;

use crate::Target;

/// All of them.
pub static TARGETS: [Target; 22] = [
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
    keys::ORDER,
    texts::URL,
    texts::TOKEN,
    texts::TIMESTAMP,
    texts::OID,
    rows::ROWS,
    bookkeeping::BOOKKEEPING,
    requests::REQUESTS,
    files::FILES,
    history::HISTORY,
];
