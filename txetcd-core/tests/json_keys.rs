//! `Json` refuses a key that comes twice in an object, wherever the object is.
#![cfg(feature = "json")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use txetcd_core::codec::{Codec, CodecError, Json};

fn decode<T: Serialize + DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    <Json as Codec<T>>::decode(text.as_bytes())
}

fn refused<T: Serialize + DeserializeOwned + std::fmt::Debug>(text: &str) {
    let error = decode::<T>(text).expect_err(text).to_string();
    assert!(error.contains("a key twice"), "{text}: {error}");
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Row {
    name: String,
    counts: HashMap<u32, u8>,
}

#[test]
fn a_key_comes_once() {
    refused::<BTreeMap<String, u8>>(r#"{"a":1,"b":2,"a":1}"#);
    refused::<HashMap<u32, u8>>(r#"{"1":1,"1":2}"#);
    refused::<Value>(r#"[1,{"x":[{"a":null,"a":null}]}]"#);
    refused::<Row>(r#"{"name":"n","counts":{"1":1,"1":1}}"#);
    refused::<Row>(r#"{"name":"n","name":"m","counts":{}}"#);
    // Also where the type does not look.
    refused::<Row>(r#"{"name":"n","counts":{},"new":1,"new":2}"#);
    refused::<Row>(r#"{"name":"n","counts":{},"new":[{"a":1,"a":2}]}"#);
    // Among many, which are compared in another way.
    let sorted: Vec<_> = (10..40).map(|key| format!(r#""{key}":0"#)).collect();
    assert!(decode::<Value>(&format!("{{{}}}", sorted.join(","))).is_ok());
    refused::<Value>(&format!("{{{},{}}}", sorted.join(","), sorted[29]));
    refused::<Value>(&format!("{{{},{}}}", sorted.join(","), sorted[0]));
    // A key is what it says, however it is escaped.
    refused::<Value>(r#"{"a\"b":1,"\u0061\u0022b":2}"#);
    refused::<Value>(r#"{"ß":1,"\u00df":2}"#);
    refused::<Value>("{ \"a\"\n:\t1 , \"a\" : 2 }");
}

#[test]
fn a_key_may_come_again_in_another_object() {
    for text in [
        r#"{"a":{"a":{"a":"a"}},"b":[{"a":1},{"a":2}]}"#,
        r#"{"a":":\"a\":","b":"{\"a\":1,","c":"\\","d":"}\\\"{"}"#,
        r#"{"a":1,"a ":2,"A":3,"":4,"\\":5,"\"":6,"\\\"":7}"#,
        r#"[{"a":1},{"a":1}]"#,
    ] {
        assert_eq!(decode::<Value>(text).expect(text), serde_json::from_str::<Value>(text).expect(text));
    }
}

proptest! {
    #[test]
    fn exactly_repeated_keys_are_refused(keys in prop::collection::vec("[abß\"\\\\:{}]{0,3}", 0..60)) {
        let entries: Vec<_> = keys.iter().map(|key| format!("{}:{{\"k\":[]}}", json!(key))).collect();
        let text = format!("{{{}}}", entries.join(","));
        let distinct = keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        prop_assert_eq!(decode::<Value>(&text).is_ok(), distinct, "{}", text);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(text in "[a\"\\\\:{}\\[\\],1 ]{0,40}") {
        let plain = serde_json::from_str::<Value>(&text);
        match decode::<Value>(&text) {
            Ok(value) => prop_assert_eq!(value, plain.unwrap()),
            Err(error) => prop_assert!(plain.is_err() || error.to_string().contains("twice")),
        }
    }
}
