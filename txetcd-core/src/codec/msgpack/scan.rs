//! Looks through encoded bytes before they are decoded: for their end, their depth, and keys that come twice.

use crate::codec::CodecError;
use crate::codec::limit::{MAX_DEPTH, TOO_DEEP};

type Result<T, E = CodecError> = std::result::Result<T, E>;

/// Refuses bytes that are not exactly one item.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let mut scan = Scan { bytes, at: 0 };
    scan.item(0)?;
    if scan.at == bytes.len() { Ok(()) } else { Err(scan.refused("bytes follow the value")) }
}

/// What makes two map keys the same: the number or text whatever its encoding, else the encoded bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'de> {
    Number(i128),
    Text(&'de [u8]),
    Other(&'de [u8]),
}

struct Scan<'de> {
    bytes: &'de [u8],
    at: usize,
}

impl<'de> Scan<'de> {
    /// Moves behind an item, and gives it as a key.
    fn item(&mut self, depth: usize) -> Result<Key<'de>> {
        let start = self.at;
        let [marker] = self.array()?;
        match marker {
            0x00..=0x7f => return Ok(Key::Number(marker.into())),
            0xe0..=0xff => return Ok(Key::Number((marker as i8).into())),
            0xc0 | 0xc2 | 0xc3 => {}
            0xcc => return self.number(u8::from_be_bytes),
            0xcd => return self.number(u16::from_be_bytes),
            0xce => return self.number(u32::from_be_bytes),
            0xcf => return self.number(u64::from_be_bytes),
            0xd0 => return self.number(i8::from_be_bytes),
            0xd1 => return self.number(i16::from_be_bytes),
            0xd2 => return self.number(i32::from_be_bytes),
            0xd3 => return self.number(i64::from_be_bytes),
            0xca => drop(self.take(4)?),
            0xcb => drop(self.take(8)?),
            0xa0..=0xbf => return self.take((marker & 0x1f).into()).map(Key::Text),
            0xd9..=0xdb => {
                let len = self.len(marker - 0xd9)?;
                return self.take(len).map(Key::Text);
            }
            0xc4..=0xc6 => {
                let len = self.len(marker - 0xc4)?;
                self.take(len)?;
            }
            0xc7..=0xc9 => {
                let len = self.len(marker - 0xc7)?;
                self.take(len.saturating_add(1))?;
            }
            0xd4..=0xd8 => drop(self.take((1 << (marker - 0xd4)) + 1)?),
            0x90..=0x9f => self.items((marker & 0x0f).into(), depth)?,
            0xdc | 0xdd => {
                let len = self.len(marker - 0xdc + 1)?;
                self.items(len, depth)?;
            }
            0x80..=0x8f => self.entries((marker & 0x0f).into(), depth)?,
            0xde | 0xdf => {
                let len = self.len(marker - 0xde + 1)?;
                self.entries(len, depth)?;
            }
            0xc1 => return Err(self.refused("not MessagePack")),
        }
        Ok(Key::Other(&self.bytes[start..self.at]))
    }

    fn items(&mut self, len: usize, depth: usize) -> Result<()> {
        self.enter(depth)?;
        (0..len).try_for_each(|_| self.item(depth + 1).map(drop))
    }

    fn entries(&mut self, len: usize, depth: usize) -> Result<()> {
        self.enter(depth)?;
        let mut keys = Vec::new();
        for _ in 0..len {
            keys.push(self.item(depth + 1)?);
            self.item(depth + 1)?;
        }
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.refused("a map has a key twice"));
        }
        Ok(())
    }

    fn enter(&self, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH { Err(self.refused(TOO_DEEP)) } else { Ok(()) }
    }

    fn number<const N: usize, I: Into<i128>>(&mut self, read: impl Fn([u8; N]) -> I) -> Result<Key<'de>> {
        Ok(Key::Number(read(self.array()?).into()))
    }

    /// A length of 1, 2 or 4 bytes, as the exponent says.
    fn len(&mut self, exponent: u8) -> Result<usize> {
        Ok(match exponent {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => usize::try_from(u32::from_be_bytes(self.array()?)).unwrap_or(usize::MAX),
        })
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8]> {
        let taken = self.bytes[self.at..].get(..len);
        let taken = taken.ok_or_else(|| self.refused("the bytes end before the value does"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn refused(&self, reason: &str) -> CodecError {
        CodecError::new(format!("msgpack: at byte {}: {reason}", self.at))
    }
}
