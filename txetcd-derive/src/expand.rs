//! From a [`Schema`] to code: one file for each generated thing.
//!
//! What is generated is thin: trait impls and constants. The work is done by the library.

mod checks;
mod indexes;
pub(crate) mod key;
mod keyed;
mod marshal;
mod persist;
mod prefix;
mod references;
mod runtime;
mod table;

use proc_macro2::TokenStream;
use quote::quote;

use crate::schema::Schema;

/// Everything that `#[derive(Persist)]` generates.
pub(crate) fn persist(schema: &Schema) -> TokenStream {
    let runtime = runtime::import(&schema.facade);
    let checks = checks::expand(schema);
    let marshal = marshal::expand(schema);
    let persist = persist::expand(schema);
    let keyed = keyed::expand(schema);
    let table = table::expand(schema);
    quote! {
        #[doc(hidden)]
        #[allow(
            dead_code,
            deprecated,
            missing_docs,
            non_camel_case_types,
            non_local_definitions,
            private_bounds,
            single_use_lifetimes,
            unreachable_pub,
            unused_lifetimes,
            unused_qualifications,
            clippy::all,
            clippy::nursery,
            clippy::pedantic,
            clippy::restriction
        )]
        const _: () = {
            #runtime
            #checks
            #marshal
            #persist
            #keyed
            #table
        };
    }
}
