//! What of an error message of serde may be passed on: the part that speaks of the type and not of the value.

/// What is said where a message holds nothing but the value.
pub(super) const REFUSED: &str = "the type refused the value";

/// The expectation in a message that serde, or a type, has made of a value.
pub(super) fn expectation(message: &str) -> Option<&str> {
    const FOUND: [&str; 5] =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "unknown field `"];
    const OF_TYPE: [&str; 3] =
        ["missing field `", "duplicate field `", "data did not match any variant of untagged enum "];

    if OF_TYPE.iter().any(|prefix| message.starts_with(prefix)) {
        return Some(message);
    }
    let quotes = FOUND.iter().any(|prefix| message.starts_with(prefix));
    // The last one: the value before it may contain the same words.
    let separator = message.rfind(", expected ")?;
    let closed = !message.ends_with("there are no variants") && !message.ends_with("there are no fields");
    (quotes && closed).then(|| &message[separator + ", ".len()..])
}
