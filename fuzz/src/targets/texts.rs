//! What people and programs write down: URLs, the tokens of pages, instants, identifiers.

use std::fmt::Display;
use std::str::FromStr;

use fastrand::Rng;
use txetcd::{Oid, Timestamp, Token};

use crate::Target;

/// What is read from a text can be written, and read from that again.
fn parse<T: FromStr + Display + PartialEq>(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(value) = text.parse::<T>() else { return false };
    assert!(value.to_string().parse::<T>().is_ok_and(|again| again == value), "{value}");
    true
}

pub(super) const TOKEN: Target = Target {
    name: "token",
    memory: 0,
    valid: |rng| {
        (0..=rng.usize(0..9)).map(|_| format!("{:02x}", rng.u8(..))).collect::<String>().into_bytes()
    },
    run: parse::<Token>,
};

pub(super) const TIMESTAMP: Target = Target {
    name: "timestamp",
    memory: 0,
    valid: |rng| Timestamp::from_nanos(rng.i64(..)).to_string().into_bytes(),
    run: parse::<Timestamp>,
};

pub(super) const OID: Target = Target {
    name: "oid",
    memory: 0,
    valid: |rng| (rng.u64(..) >> rng.u8(0..64)).to_string().into_bytes(),
    run: parse::<Oid>,
};

/// What stands for a password.
const SECRET: &str = "S3CRET-hunter2";

pub(super) const URL: Target = Target { name: "url", memory: 0, valid: url, run: parse_url };

fn url(rng: &mut Rng) -> Vec<u8> {
    let endpoints = [
        "http://localhost:2379",
        "https://a.example.com",
        "http://[::1]:2379/",
        "etcd+srv://example.com",
        "embedded:./data",
        "memory:",
        "https://10.0.0.1:2379, https://10.0.0.2:2379",
    ];
    rng.choice(endpoints).unwrap_or_default().as_bytes().to_vec()
}

fn parse_url(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    // A password at the place for one is not shown, whatever else is wrong.
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    for with_password in [format!("{scheme}://root:{SECRET}@{rest}"), format!("root:{SECRET}@{rest}")] {
        if let Err(error) = txetcd_client::connect::parse_url(&with_password) {
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
        }
    }
    match txetcd_client::connect::parse_url(text) {
        Ok(parsed) => {
            let again = txetcd_client::connect::parse_url(&parsed).expect("what it was read as");
            assert_eq!(again, parsed);
            true
        }
        Err(error) => {
            assert!(error.is_invalid_argument(), "{error:?}");
            false
        }
    }
}
