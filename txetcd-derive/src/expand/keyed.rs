//! `impl Keyed`, for a row that holds its key.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::persist::bounds;
use crate::schema::Schema;

/// The impl, or nothing if the key lives outside the struct.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let Some(field) = &schema.key.field else {
        return TokenStream::new();
    };
    let ident = &schema.ident;
    let (impl_generics, ty_generics, _) = schema.generics.split_for_impl();
    let where_clause = bounds(schema);
    let (member, ty, key) = (&field.member, &field.ty, &schema.key.ty);
    // The type checker compares the field with `key = Type` here and points at the field's type.
    let body = quote_spanned!(ty.span()=> __txetcd::key_field::<#ty, #key>(&self.#member));
    quote! {
        #[automatically_derived]
        impl #impl_generics __txetcd::Keyed for #ident #ty_generics #where_clause {
            #[inline]
            fn key(&self) -> &#key {
                #body
            }
        }
    }
}
