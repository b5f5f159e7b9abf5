//! Looks through JSON text before it is decoded: for its depth, and for keys that come twice in an object.
//!
//! `serde_json` keeps the last of two equal keys. Whether the text is JSON is not asked here: what this lets
//! pass is decoded, and refused then.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;

use crate::codec::CodecError;
use crate::codec::limit::{MAX_DEPTH, TOO_DEEP};

/// A key as it is in memory.
type Key<'a> = Cow<'a, [u8]>;

/// Up to so many keys comparing each with each is the fastest.
const FEW: usize = 16;

/// The bytes that mean something here. All others are passed over at a table look-up each.
const MARKS: [bool; 256] = {
    let (mut marks, mut at) = ([false; 256], 0);
    while at < 256 {
        marks[at] = matches!(at as u8, b'"' | b':' | b'{' | b'}' | b'[' | b']');
        at += 1;
    }
    marks
};

pub(super) fn check(text: &[u8]) -> Result<(), CodecError> {
    // The keys so far of the objects around the place, the innermost object's last; and where each object's begin.
    let mut keys: Vec<Key<'_>> = Vec::new();
    let mut objects = Vec::new();
    let mut depth = 0_usize;
    let mut last = Text { content: &[], escaped: false };
    let mut at = 0;
    while let Some(passed) = text[at..].iter().position(|&byte| MARKS[usize::from(byte)]) {
        at += passed + 1;
        match text[at - 1] {
            b'"' => {
                last = Text::begin(&text[at..]);
                at = text.len().min(at + last.content.len() + 1);
            }
            // Outside of strings it follows nothing but keys.
            b':' => keys.push(last.resolve()),
            b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                let first = objects.pop().unwrap_or(0);
                if has_twice(&keys[first..]) {
                    return Err(refused(at, "an object has a key twice"));
                }
                keys.truncate(first);
            }
            bracket => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(refused(at, TOO_DEEP));
                }
                if bracket == b'{' {
                    objects.push(keys.len());
                }
            }
        }
    }
    Ok(())
}

/// A string, without its quotation marks.
#[derive(Clone, Copy)]
struct Text<'a> {
    content: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Of the bytes behind the first quotation mark.
    fn begin(bytes: &'a [u8]) -> Self {
        let mut escaped = false;
        let mut at = 0;
        while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
            at += found;
            if bytes[at] == b'"' {
                return Self { content: &bytes[..at], escaped };
            }
            escaped = true;
            at += 2;
        }
        Self { content: bytes, escaped }
    }

    fn resolve(self) -> Key<'a> {
        if self.escaped {
            let quoted = [b"\"", self.content, b"\""].concat();
            if let Ok(text) = serde_json::from_slice::<String>(&quoted) {
                return Cow::Owned(text.into_bytes());
            }
        }
        Cow::Borrowed(self.content)
    }
}

fn has_twice(keys: &[Key<'_>]) -> bool {
    if keys.len() <= FEW {
        return keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key));
    }
    if keys.windows(2).all(|pair| pair[0] < pair[1]) {
        return false;
    }
    let mut seen = HashSet::with_capacity(keys.len());
    !keys.iter().all(|key| seen.insert(key))
}

fn refused(at: usize, reason: &str) -> CodecError {
    CodecError::new(format!("json: at byte {at}: {reason}"))
}
