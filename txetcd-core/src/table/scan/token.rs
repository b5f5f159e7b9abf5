//! [`Token`]: a place in a scan, as text that can travel in a URL.

use std::fmt;
use std::str::FromStr;

use txetcd_client::{Error, error::Kind};

/// A place behind a row of a table. `Display` and `FromStr` are lower-case hexadecimal digits, which need no
/// escaping in a URL. A token shows the key it stands behind to whoever decodes it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token {
    key: Vec<u8>,
}

impl Token {
    pub(crate) fn after(key: &[u8]) -> Self {
        Self { key: key.to_vec() }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn into_key(self) -> Vec<u8> {
        self.key
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::new(Kind::InvalidArgument, "this is not a page token: give back what `Page::next` gave")
        };
        let digit = |digit: u8| (digit as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pairs = text.as_bytes().chunks_exact(2);
        if text.is_empty() || !pairs.remainder().is_empty() {
            return Err(invalid());
        }
        let key = pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect::<Option<Vec<u8>>>();
        key.map(|key| Self { key }).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_text() {
        let token = Token::after(&[0, 1, 0xfe, b'a']);
        assert_eq!(token.to_string(), "0001fe61");
        assert_eq!("0001fe61".parse::<Token>().unwrap(), token);
        for text in ["", "0", "0g", "zz", "é1", "0001fe6"] {
            assert!(text.parse::<Token>().unwrap_err().is_invalid_argument(), "{text}");
        }
    }
}
