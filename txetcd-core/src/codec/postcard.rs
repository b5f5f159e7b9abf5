//! [`Postcard`]: values in the compact format of the crate `postcard`.

use postcard::ser_flavors::Flavor;
use postcard::{Deserializer, Error, Serializer};

use super::limited::Limits;
use super::{Codec, CodecError, Marshal};

/// The [postcard wire format](https://postcard.jamesmunns.com/wire-format): the fields one after the other without
/// their names, integers as varints.
///
/// The smallest of the codecs, and the least forgiving: reading needs the very type that wrote, so a struct that
/// changes its fields cannot read its older rows. Types that ask what is stored (`#[serde(untagged)]`, internally
/// tagged enums, `flatten`) cannot be read. Refused are bytes after the value and [deep nesting](Codec). The Python
/// library has no map type of this codec. Needs the feature `postcard`.
#[derive(Debug, Clone, Copy)]
pub struct Postcard;

const FORMAT: &str = "postcard";

impl<T, M: Marshal<T>> Codec<T, M> for Postcard {
    const NAME: &'static str = FORMAT;

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut serializer = Serializer { output: Buffer(out) };
        let limits = Limits::new();
        M::serialize(value, limits.around(&mut serializer))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| refused(error)))
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let mut deserializer = Deserializer::from_bytes(bytes);
        // Elements without bytes are counted beyond them, up to a million.
        let limits = Limits::with_elements(bytes.len().saturating_add(1_000_000));
        let value = M::deserialize(limits.around(&mut deserializer))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| refused(error)))?;
        match deserializer.finalize() {
            Ok([]) => Ok(value),
            Ok(_) => Err(CodecError::new("postcard: bytes follow the value")),
            Err(error) => Err(refused(error)),
        }
    }
}

/// The end of a buffer, to be written to.
struct Buffer<'out>(&'out mut Vec<u8>);

impl Flavor for Buffer<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The errors of `postcard` hold no values.
fn refused(error: Error) -> CodecError {
    let reason = match error {
        Error::DeserializeUnexpectedEnd => "the bytes end before the value does",
        Error::DeserializeBadVarint => "a number is out of the range of its type",
        Error::DeserializeBadBool => "expected a boolean as 00 or 01",
        Error::DeserializeBadChar => "expected a character",
        Error::DeserializeBadUtf8 => "expected UTF-8 text",
        Error::DeserializeBadOption => "expected an option as 00 or 01",
        Error::DeserializeBadEnum => "expected the number of a variant",
        Error::SerializeSeqLengthUnknown => "a sequence does not know its length",
        Error::SerdeSerCustom | Error::CollectStrError => {
            "the serialization of the type, or of a part of it, failed"
        }
        Error::SerdeDeCustom => "the type refused the value",
        Error::WontImplement | Error::NotYetImplemented => {
            "the type asks what is stored, which the format does not say"
        }
        _ => "the bytes are not a value of this type",
    };
    CodecError::new(format!("postcard: {reason}"))
}
