//! The keys and values that the peers use, which have no tables.
//!
//! | key, after the prefix | value |
//! | --- | --- |
//! | `r/` row, 8 hexadecimal digits | amount and number of changes, 8 bytes each, big-endian; filler |
//! | `p/` person, 16 digits | filler |
//! | `e/` email | the person, 8 bytes |
//! | `t/` town, 2 digits, `/` person, 16 digits | `-` |

use super::audit::Account;

/// What each row holds at the start.
pub(crate) const AMOUNT: i64 = 1_000;
/// How many towns there are.
pub(crate) const TOWNS: u64 = 100;
/// The length of a value.
const VALUE: usize = 100;

/// What stands in front of the keys of each kind.
pub(crate) const KINDS: [&str; 4] = ["r/", "p/", "e/", "t/"];

pub(crate) fn row_key(prefix: &str, row: u32) -> String {
    format!("{prefix}r/{row:08x}")
}

pub(crate) fn row_value(account: Account) -> Vec<u8> {
    let mut value = [account.amount.to_be_bytes(), account.changes.to_be_bytes()].concat();
    value.resize(VALUE, b'.');
    value
}

pub(crate) fn account(value: &[u8]) -> Option<Account> {
    let (amount, rest) = value.split_first_chunk()?;
    let changes = rest.first_chunk()?;
    Some(Account { amount: i64::from_be_bytes(*amount), changes: u64::from_be_bytes(*changes) })
}

/// The keys and values of a person: the row, the entry under its email, the entry under its town.
pub(crate) fn person(prefix: &str, id: u64) -> [(String, Vec<u8>); 3] {
    [
        (format!("{prefix}p/{id:016x}"), vec![b'.'; VALUE]),
        (format!("{prefix}e/{id:016x}@example.org"), id.to_be_bytes().to_vec()),
        (format!("{prefix}t/{:02x}/{id:016x}", id % TOWNS), b"-".to_vec()),
    ]
}
