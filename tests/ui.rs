//! Programs that must not compile, each with the message that its author gets.
//!
//! The messages are those of Rust 1.95; `TRYBUILD=overwrite cargo test --test ui` writes them anew.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
