//! [`Flatbuffers`]: values as FlatBuffers, as in the Python library's `MapUuidFlatBuffers` and its siblings.

use flatbuffers::{FlatBufferBuilder, Follow, Verifiable, VerifierOptions, WIPOffset, root_with_opts};

use super::compression::MAX_DECOMPRESSED;
use super::{Codec, CodecError};

/// A [FlatBuffer](https://flatbuffers.dev/internals/) as Python's `builder.Finish(root)` leaves it: neither a size
/// in front nor a file identifier (`zlmdb`'s `_FlatBuffersValuesMixin`).
///
/// It stores types with [`Flatbuffer`]. Stored bytes are verified before they are looked at: offsets, lengths,
/// alignment, UTF-8, at most 64 levels, and at most 64 MiB were shared parts repeated. The format cannot tell bytes
/// that belong to no part of the value, so these are not refused. Needs the feature `flatbuffers`.
#[derive(Debug, Clone, Copy)]
pub struct Flatbuffers;

/// A type with a FlatBuffer as its stored form, usually by code that `flatc` has generated.
///
/// ```text
/// impl Flatbuffer for User {
///     type Root<'buf> = fbs::User<'buf>;
///
///     fn build<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> WIPOffset<fbs::User<'b>> {
///         let name = builder.create_string(&self.name);
///         fbs::User::create(builder, &fbs::UserArgs { name: Some(name) })
///     }
///
///     fn read(root: fbs::User<'_>) -> Result<Self, CodecError> {
///         let name = root.name().ok_or_else(|| CodecError::new("flatbuffers: no name"))?;
///         Ok(User { name: name.to_owned() })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no FlatBuffer form",
    note = "implement `txetcd::codec::Flatbuffer` for it"
)]
pub trait Flatbuffer: Sized {
    /// The root of the buffer: a generated table.
    type Root<'buf>: Follow<'buf> + Verifiable + 'buf;

    /// Writes the value; the root that is returned finishes the buffer.
    fn build<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> WIPOffset<Self::Root<'b>>;

    /// The value, from a buffer that has been verified.
    ///
    /// # Errors
    /// If something that the value needs is not there. The reason must hold no part of the value.
    fn read<'buf>(root: <Self::Root<'buf> as Follow<'buf>>::Inner) -> Result<Self, CodecError>;
}

impl<T: Flatbuffer, M> Codec<T, M> for Flatbuffers {
    const NAME: &'static str = "flatbuffers";

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut builder = FlatBufferBuilder::new();
        let root = value.build(&mut builder);
        builder.finish(root, None);
        out.extend_from_slice(builder.finished_data());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let options = VerifierOptions { max_apparent_size: MAX_DECOMPRESSED, ..VerifierOptions::default() };
        // The message of the verifier names fields and offsets, and could quote text.
        let root = root_with_opts::<T::Root<'_>>(&options, bytes)
            .map_err(|_| CodecError::new("flatbuffers: the bytes are not a buffer of this type"))?;
        T::read(root)
    }
}

/// The crate `flatbuffers` of the version that [`Flatbuffer`] speaks of.
pub use ::flatbuffers as runtime;
