//! The way from generated code to the library.
//!
//! All generated paths begin with one import of the facade's hidden module. Its name has the version in it,
//! so that a derive and a library that do not belong together fail at that import and nowhere else.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Path;

/// `use path::__private_0_1_0 as __txetcd;`
pub(super) fn import(facade: &Path) -> TokenStream {
    let module = format_ident!(
        "__private_{}_{}_{}",
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH")
    );
    quote!(use #facade::#module as __txetcd;)
}
