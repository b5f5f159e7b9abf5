//! The derive macro of txetcd.

mod expand;
mod schema;

use proc_macro::TokenStream;
use syn::DeriveInput;

use self::schema::Schema;

/// Makes a struct or enum a row.
#[proc_macro_derive(Persist, attributes(pmap))]
pub fn persist(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    match Schema::parse(&input) {
        Ok(schema) => expand::persist(&schema),
        Err(mistakes) => mistakes.into_compile_error(),
    }
    .into()
}
