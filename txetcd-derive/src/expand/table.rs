//! `User::table()`, and `User::by_email()` for each index.

use proc_macro2::TokenStream;
use quote::quote;

use super::indexes;
use crate::schema::{Schema, TablePlace};

/// The inherent functions that give the table and its indexes.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let Schema { ident, generics, place, .. } = schema;
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let mut bounded = generics.clone();
    if generics.type_params().next().is_some() {
        bounded.make_where_clause().predicates.push(syn::parse_quote!(Self: __txetcd::Persist));
    }
    let where_clause = &bounded.where_clause;
    let place = match place {
        TablePlace::Slot(slot) => format!("in slot {slot}"),
        TablePlace::Oid(_) => "in the slot that the catalogue has for its id".to_owned(),
    };
    let doc = format!("The table of all `{}` rows, {place}.", syn::ext::IdentExt::unraw(ident));
    let accessors = indexes::accessors(schema);
    quote! {
        #[automatically_derived]
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc = #doc]
            #[must_use]
            #[inline]
            pub const fn table() -> __txetcd::Table<Self> {
                __txetcd::Table::<Self>::new()
            }

            #accessors
        }
    }
}
