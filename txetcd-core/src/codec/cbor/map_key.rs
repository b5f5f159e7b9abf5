//! [`MapKey`]: what makes two keys of a map the same, whatever their encodings.

use std::borrow::Cow;

use ciborium_ll::{Encoder, Header, simple, tag};

use super::error::ReadError;
use super::input::Input;

/// A key of a map, for comparison.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MapKey<'de> {
    Positive(u64),
    Negative(u64),
    /// The bytes of a text.
    Text(Cow<'de, [u8]>),
    /// In the [one form](one_form) of all its encodings.
    Other(Vec<u8>),
}

impl<'de> MapKey<'de> {
    /// The key of these bytes, which have been read. Unless `tags` tell keys apart, they are passed over, and a long
    /// number is the same as a short one.
    pub(super) fn of(encoded: &'de [u8], tags: bool) -> Result<Self, ReadError> {
        // The name of a field: a short text with its length in the first byte.
        if let [0x60..=0x77, text @ ..] = encoded {
            return Ok(Self::Text(text.into()));
        }
        let mut input = Input::new(encoded);
        if !tags {
            while input.tag()?.is_some() {}
        }
        Ok(match input.header()? {
            Header::Positive(number) => Self::Positive(number),
            Header::Negative(number) => Self::Negative(number),
            Header::Text(len) => Self::Text(match input.text(len)? {
                Cow::Borrowed(text) => text.as_bytes().into(),
                Cow::Owned(text) => text.into_bytes().into(),
            }),
            _ => {
                let mut form = Vec::new();
                one_form(&mut Input::new(encoded), tags, &mut form)?;
                match Input::new(&form).header()? {
                    Header::Positive(number) => Self::Positive(number),
                    Header::Negative(number) => Self::Negative(number),
                    _ => Self::Other(form),
                }
            }
        })
    }
}

/// Writes the next item with the shortest headers, strings in one piece, collections without a declared length, and null
/// for undefined; and, unless `tags` count, without tags but those of numbers of more than 64 bits. Its depth is that of
/// what the reader has let through.
fn one_form(input: &mut Input<'_>, tags: bool, form: &mut Vec<u8>) -> Result<(), ReadError> {
    let mut last_tag = None;
    let header = loop {
        match input.header()? {
            tag @ Header::Tag(_) if tags => push(tag, form)?,
            Header::Tag(number) => last_tag = Some(number),
            header => break header,
        }
    };
    match header {
        Header::Bytes(len) => {
            let bytes = input.byte_string(len)?;
            if let Some(tag @ (tag::BIGPOS | tag::BIGNEG)) = last_tag {
                return number(tag, &bytes, form);
            }
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
            items(input, len, tags, form)?;
        }
        Header::Map(len) => {
            push(Header::Map(None), form)?;
            // One that could not be there has been refused.
            items(input, len.map(|entries| entries * 2), tags, form)?;
        }
        Header::Simple(simple::UNDEFINED) => push(Header::Simple(simple::NULL), form)?,
        header => push(header, form)?,
    }
    Ok(())
}

fn items(input: &mut Input<'_>, len: Option<usize>, tags: bool, form: &mut Vec<u8>) -> Result<(), ReadError> {
    match len {
        Some(len) => (0..len).try_for_each(|_| one_form(input, tags, form))?,
        None => {
            while !input.skip_if(|header| header == Header::Break)? {
                one_form(input, tags, form)?;
            }
        }
    }
    push(Header::Break, form)
}

/// Writes the number that such bytes stand for.
fn number(tag: u64, magnitude: &[u8], form: &mut Vec<u8>) -> Result<(), ReadError> {
    let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
    let digits = &magnitude[zeros..];
    if digits.len() > size_of::<u64>() {
        push(Header::Tag(tag), form)?;
        push(Header::Bytes(Some(digits.len())), form)?;
        form.extend_from_slice(digits);
        return Ok(());
    }
    let number = digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit));
    push(if tag == tag::BIGPOS { Header::Positive(number) } else { Header::Negative(number) }, form)
}

fn push(header: Header, form: &mut Vec<u8>) -> Result<(), ReadError> {
    Encoder::from(form).push(header).map_err(|_| ReadError::new("out of memory"))
}
