//! Texts joined by one `00`. Texts that contain one are refused, since the joints could not be found again.
//!
//! These sort as their values do. In front of something else, where Python has no form, they have the form of the
//! ordinary tuple.

use crate::key::{Key, KeyError};

const NO_NUL: KeyError = KeyError::expected("text without 00, since 00 joins the texts");

fn encode(texts: &[&String], out: &mut Vec<u8>) -> Result<(), KeyError> {
    if texts.iter().any(|text| text.contains('\0')) {
        return Err(NO_NUL);
    }
    out.reserve(texts.iter().map(|text| text.len() + 1).sum());
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(0);
        }
        text.encode(out)?;
    }
    Ok(())
}

/// Reads a text that was in front of something.
fn checked(text: String) -> Result<String, KeyError> {
    if text.contains('\0') { Err(NO_NUL) } else { Ok(text) }
}

macro_rules! joined {
    ($(#[$doc:meta])* $name:ident, $($index:tt $text:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($(pub joined!(@string $index)),+);

        impl Key for $name {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                encode(&[$(&self.$index),+], out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
                let mut texts = bytes.split(|&byte| byte == 0);
                $(let $text = String::decode(texts.next().ok_or(KeyError::expected("one more text"))?)?;)+
                match texts.next() {
                    None => Ok(Self($($text),+)),
                    Some(_) => Err(KeyError::expected("the end of the key")),
                }
            }

            fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.size_hint());
                for text in [$(&self.$index),+] {
                    if text.contains('\0') {
                        return Err(NO_NUL);
                    }
                    text.encode_part(out)?;
                }
                Ok(())
            }

            fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
                Ok(Self($(joined!(@part $index bytes)),+))
            }

            fn size_hint(&self) -> usize {
                0 $(+ self.$index.size_hint())+
            }
        }
    };
    (@string $index:tt) => { String };
    (@part $index:tt $bytes:ident) => { checked(String::decode_part($bytes)?)? };
}

joined! {
    /// Two texts (`_StringStringKeysMixin`). Python reads them back as byte strings.
    StringString, 0 first, 1 second
}

joined! {
    /// Three texts (`_StringStringStringKeysMixin`). Python reads them back as byte strings.
    StringStringString, 0 first, 1 second, 2 third
}
