//! How deeply a value may be nested.
//!
//! Bytes and values of any depth must not overflow the stack, and what is written must be readable. `Cbor` counts for
//! itself; the formats of other crates are wrapped by `limited`.

/// How deeply arrays, maps and variants with a content may be nested.
pub(super) const MAX_DEPTH: usize = 128;

/// How deeply options and newtypes may be nested beyond that. They take no bytes in most formats, so nothing else
/// would stop a type that contains itself in one.
pub(super) const MAX_WRAPPERS: usize = 256;

/// What is said where a limit was met.
pub(super) const TOO_DEEP: &str = "the value is nested too deeply";
