//! What nobody may show, and the forms in which it would be seen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

/// In every secret, and nowhere else.
const MARK: &str = "kT7vZq3XwR9b";

static FORMS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| Mutex::new(forms(MARK.as_bytes())));

/// The indexes of `tables.rs`, as messages name them, without blanks.
const INDEXES: [&str; 2] = ["Safe.by_code(slot12)", "Safe.by_owner(slot13)"];

/// A text that is no other one, and that nobody may show, nor half of it.
pub(crate) fn secret(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{MARK}-{}-{number}-{MARK}", what.replace(' ', "-"))
}

/// Makes other bytes a secret.
pub(crate) fn plant(bytes: &[u8]) {
    FORMS.lock().unwrap().extend(forms(bytes));
}

/// The secret that a text shows, in the form in which it does.
pub(crate) fn found(text: &str) -> Option<String> {
    let text = without_index_keys(&squeezed(text));
    let forms = FORMS.lock().unwrap();
    forms.iter().find(|form| text.contains(form.as_str())).cloned()
}

/// Without blanks, which `{:#?}` puts between numbers and PEM within base64; and escaped once where it was escaped twice.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<String>().replace(r"\\", r"\")
}

/// An index key has what it indexes, and is named as any other key: docs/observing.md says so.
fn without_index_keys(squeezed: &str) -> String {
    INDEXES.iter().fold(squeezed.to_owned(), |text, index| {
        let named = format!("{index},key");
        let mut parts = text.split(&named);
        let first = parts.next().unwrap_or_default().to_owned();
        let is_key = |c: char| c.is_alphanumeric() || matches!(c, '"' | '\\' | '-');
        parts.fold(first, |text, part| text + index + part.trim_start_matches(is_key))
    })
}

fn forms(bytes: &[u8]) -> Vec<String> {
    let each =
        |show: fn(&u8) -> String, between: &str| bytes.iter().map(show).collect::<Vec<_>>().join(between);
    let hex: fn(&u8) -> String = |byte| format!("{byte:02x}");
    let mut forms = vec![
        bytes.escape_ascii().to_string(),
        each(hex, ""),
        each(hex, ","),
        each(hex, ":"),
        each(|byte| format!("{byte:x}"), ","),
        each(|byte| format!("0x{byte:02x}"), ","),
        each(|byte| format!(r"\x{byte:02x}"), ""),
        each(|byte| format!("%{byte:02x}"), ""),
        each(u8::to_string, ","),
        each(|byte| format!(r"\{byte:03o}"), ""),
        each(|byte| format!(r"\u{{{byte:x}}}"), ""),
    ];
    forms.extend([
        each(|byte| format!("{byte:02X}"), ""),
        each(|byte| format!("{byte:02X}"), ","),
        each(|byte| format!("{byte:02X}"), ":"),
        each(|byte| format!("0x{byte:02X}"), ","),
        each(|byte| format!(r"\x{byte:02X}"), ""),
        each(|byte| format!("%{byte:02X}"), ""),
    ]);
    // It may begin anywhere in a group of three bytes.
    forms.extend((0..3).flat_map(|skip| {
        let text = base64(&bytes[skip..]);
        [text.replace('+', "-").replace('/', "_"), text]
    }));
    forms
}

/// The whole groups alone: the characters at the edges depend on what is beside them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].iter().for_each(|shift| text.push(DIGITS[bits >> shift & 63].into()));
    }
    text
}

#[test]
fn a_secret_is_found_in_every_form() {
    let text = secret("planted");
    let bytes = text.as_bytes();
    let each = |show: fn(&u8) -> String| bytes.iter().map(show).collect::<String>();
    for shown in [
        text.clone(),
        format!("{:?}", format!("{text:?}")),
        text[10..].to_owned(),
        format!("{bytes:?}"),
        format!("{bytes:#?}"),
        format!("{bytes:x?}"),
        format!("{bytes:02X?}"),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!(r"\\x{byte:02x}")),
        each(|byte| format!(r"\{byte:03o}")),
        each(|byte| format!("%{byte:02X}")),
        base64(bytes),
        base64(&[b"a", bytes].concat()),
        base64(&[b"ab", bytes].concat()),
    ] {
        assert!(found(&format!("before {shown} after")).is_some(), "{shown}");
    }
    assert_eq!(found("before after"), None);
    assert_eq!(found(&format!("Safe.by_code (slot 12), key {text:?}: another row")), None);
    assert!(found(&format!("Safe (slot 11), key {text:?}: another row")).is_some());
    assert_eq!(base64(b"Man is"), "TWFuIGlz");
}
