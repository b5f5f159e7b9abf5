//! What only the type checker can tell, asked where its answer points at the user's field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::marshal::{is_generic, is_marshalled};
use crate::schema::Schema;

/// A function that compiles if serde can carry every stored field, and a constant that does if the
/// compression is compiled in.
///
/// Fields of a generic type are not in it: for them it is a bound of the impls.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let checks =
        schema.data.fields().filter(|field| is_marshalled(field) && !is_generic(&field.ty, schema)).map(
            |field| {
                let ty = &field.ty;
                quote_spanned!(ty.span()=> __txetcd::check_field::<#ty>();)
            },
        );
    let compression = &schema.compression;
    let compiled_in = quote_spanned! {compression.span()=>
        const _: __txetcd::Compression = __txetcd::Compression::#compression.require();
    };
    quote! {
        #compiled_in
        fn __check_fields() {
            #(#checks)*
        }
    }
}
