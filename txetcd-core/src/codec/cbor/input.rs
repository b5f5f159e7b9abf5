//! [`Input`]: the headers of CBOR items and their contents, off the front of a byte string.

use std::borrow::Cow;

use ciborium_ll::{Decoder, Error, Header};

use super::error::ReadError;

type Result<T, E = ReadError> = std::result::Result<T, E>;

const ENDS_EARLY: &str = "the bytes end before the value does";

/// A position in encoded bytes. A declared length is compared with what is left before anything is allocated.
pub(super) struct Input<'de> {
    bytes: &'de [u8],
    at: usize,
}

impl<'de> Input<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn refused(&self, reason: &str) -> ReadError {
        ReadError::new(reason).at(self.at)
    }

    pub(super) fn header(&mut self) -> Result<Header> {
        if let Some(header) = self.bytes.get(self.at).and_then(|first| in_one_byte(*first)) {
            self.at += 1;
            return Ok(header);
        }
        let mut decoder = Decoder::from(&self.bytes[self.at..]);
        let header = decoder.pull().map_err(|error| match error {
            Error::Io(_) => self.refused(ENDS_EARLY),
            Error::Syntax(_) => self.refused("not CBOR"),
        })?;
        self.at += decoder.offset();
        Ok(header)
    }

    pub(super) fn peek(&self) -> Result<Header> {
        Input { bytes: self.bytes, at: self.at }.header()
    }

    /// Moves behind the next header if it is as wanted.
    pub(super) fn skip_if(&mut self, wanted: impl FnOnce(Header) -> bool) -> Result<bool> {
        let start = self.at;
        let found = wanted(self.header()?);
        if !found {
            self.at = start;
        }
        Ok(found)
    }

    /// Moves behind the next header if it is a tag.
    pub(super) fn tag(&mut self) -> Result<Option<u64>> {
        let start = self.at;
        match self.header()? {
            Header::Tag(number) => Ok(Some(number)),
            _ => {
                self.at = start;
                Ok(None)
            }
        }
    }

    /// Refuses a collection of so many items, each of which needs a byte at least, if they cannot be there.
    pub(super) fn check_count(&self, items: usize) -> Result<()> {
        if items <= self.remaining() { Ok(()) } else { Err(self.refused(ENDS_EARLY)) }
    }

    /// The content of a byte string whose header was read.
    pub(super) fn byte_string(&mut self, len: Option<usize>) -> Result<Cow<'de, [u8]>> {
        if let Some(len) = len {
            return self.take(len).map(Cow::Borrowed);
        }
        let mut joined = Vec::new();
        loop {
            match self.header()? {
                Header::Bytes(Some(len)) => joined.extend_from_slice(self.take(len)?),
                Header::Break => return Ok(Cow::Owned(joined)),
                _ => return Err(self.refused("expected a piece of a byte string")),
            }
        }
    }

    /// The content of a text whose header was read.
    pub(super) fn text(&mut self, len: Option<usize>) -> Result<Cow<'de, str>> {
        if let Some(len) = len {
            return self.take_text(len).map(Cow::Borrowed);
        }
        let mut joined = String::new();
        loop {
            match self.header()? {
                Header::Text(Some(len)) => joined.push_str(self.take_text(len)?),
                Header::Break => return Ok(Cow::Owned(joined)),
                _ => return Err(self.refused("expected a piece of text")),
            }
        }
    }

    /// What was read from `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'de [u8] {
        &self.bytes[start..self.at]
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8]> {
        let taken = self.bytes[self.at..].get(..len).ok_or_else(|| self.refused(ENDS_EARLY))?;
        self.at += len;
        Ok(taken)
    }

    fn take_text(&mut self, len: usize) -> Result<&'de str> {
        let start = self.at;
        std::str::from_utf8(self.take(len)?).map_err(|_| ReadError::new("expected UTF-8 text").at(start))
    }
}

/// The header of which this is the first byte, if it is the only one: most are.
fn in_one_byte(first: u8) -> Option<Header> {
    let number @ 0..24 = first & 0x1f else { return None };
    let len = Some(usize::from(number));
    Some(match first >> 5 {
        0 => Header::Positive(number.into()),
        1 => Header::Negative(number.into()),
        2 => Header::Bytes(len),
        3 => Header::Text(len),
        4 => Header::Array(len),
        5 => Header::Map(len),
        6 => Header::Tag(number.into()),
        _ => Header::Simple(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_the_library_reads_them() {
        let mut short = 0;
        for first in 0..=u8::MAX {
            let bytes = [first];
            let mut decoder = Decoder::from(&bytes[..]);
            if let Some(header) = in_one_byte(first) {
                assert_eq!(decoder.pull().ok(), Some(header), "{first:02x}");
                assert_eq!(decoder.offset(), 1);
                short += 1;
            }
        }
        assert_eq!(short, 8 * 24);
    }
}
