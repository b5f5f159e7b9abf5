//! [`MapKey`]: what makes two keys of a map the same, whatever their encodings.

use std::borrow::Cow;

use ciborium_ll::{Encoder, Header, simple};

use super::error::ReadError;
use super::input::Input;

/// A key of a map, for comparison.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MapKey<'de> {
    Positive(u64),
    Negative(u64),
    Text(Cow<'de, str>),
    /// In the [one form](one_form) of all its encodings.
    Other(Vec<u8>),
}

impl<'de> MapKey<'de> {
    /// The key of these bytes, which have been read.
    pub(super) fn of(encoded: &'de [u8]) -> Result<Self, ReadError> {
        let mut input = Input::new(encoded);
        Ok(match input.header()? {
            Header::Positive(number) => Self::Positive(number),
            Header::Negative(number) => Self::Negative(number),
            Header::Text(len) => Self::Text(input.text(len)?),
            _ => {
                let mut form = Vec::new();
                one_form(&mut Input::new(encoded), &mut form)?;
                Self::Other(form)
            }
        })
    }
}

/// Writes the next item with the shortest headers, strings in one piece, collections without a declared length, and null
/// for undefined. Its depth is that of what the reader has let through.
fn one_form(input: &mut Input<'_>, form: &mut Vec<u8>) -> Result<(), ReadError> {
    let header = loop {
        match input.header()? {
            tag @ Header::Tag(_) => push(tag, form)?,
            header => break header,
        }
    };
    match header {
        Header::Bytes(len) => {
            let bytes = input.byte_string(len)?;
            push(Header::Bytes(Some(bytes.len())), form)?;
            form.extend_from_slice(&bytes);
        }
        Header::Text(len) => {
            let text = input.text(len)?;
            push(Header::Text(Some(text.len())), form)?;
            form.extend_from_slice(text.as_bytes());
        }
        Header::Array(len) => {
            push(Header::Array(None), form)?;
            items(input, len, form)?;
        }
        Header::Map(len) => {
            push(Header::Map(None), form)?;
            // One that could not be there has been refused.
            items(input, len.map(|entries| entries * 2), form)?;
        }
        Header::Simple(simple::UNDEFINED) => push(Header::Simple(simple::NULL), form)?,
        header => push(header, form)?,
    }
    Ok(())
}

fn items(input: &mut Input<'_>, len: Option<usize>, form: &mut Vec<u8>) -> Result<(), ReadError> {
    match len {
        Some(len) => (0..len).try_for_each(|_| one_form(input, form))?,
        None => {
            while !input.skip_if(|header| header == Header::Break)? {
                one_form(input, form)?;
            }
        }
    }
    push(Header::Break, form)
}

fn push(header: Header, form: &mut Vec<u8>) -> Result<(), ReadError> {
    Encoder::from(form).push(header).map_err(|_| ReadError::new("out of memory"))
}
