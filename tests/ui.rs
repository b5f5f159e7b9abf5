//! Programs that must not compile, each with the message that its author gets.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the messages anew. They are those of one compiler: with
//! another one, whose wording differs, the programs are not tried.

/// The compiler whose messages `tests/ui/*.stderr` hold.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn messages() {
    let compiler = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("--version")
        .output()
        .expect("the compiler's version");
    let version = String::from_utf8_lossy(&compiler.stdout);
    if !version.starts_with(COMPILER) {
        println!("the messages are those of {COMPILER}x, this is {version}");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
