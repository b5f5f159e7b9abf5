//! `impl Persist`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{WhereClause, parse_quote};

use super::marshal;
use crate::schema::Schema;

/// The impl.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let Schema { ident, generics, slot, name, compression, .. } = schema;
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let where_clause = bounds(schema);
    let key = &schema.key.ty;
    let codec = match &schema.codec {
        Some(codec) => quote!(#codec),
        None => quote!(__txetcd::Cbor),
    };
    let marshal = marshal::ty(schema);
    quote! {
        impl #impl_generics __txetcd::Persist for #ident #ty_generics #where_clause {
            type Key = #key;
            type Marshal = #marshal;
            type Codec = #codec;
            const SLOT: ::core::primitive::u16 = #slot;
            const NAME: &'static ::core::primitive::str = #name;
            const COMPRESSION: __txetcd::Compression = __txetcd::Compression::#compression;
        }
    }
}

/// What must hold for a generic type to be a row: the user's own bounds, those of [`marshal::bounds`], and
/// what `Persist` asks of every row.
pub(super) fn bounds(schema: &Schema) -> Option<WhereClause> {
    let mut generics = schema.generics.clone();
    let parameters: Vec<_> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    if !parameters.is_empty() {
        let predicates = &mut generics.make_where_clause().predicates;
        for parameter in parameters {
            predicates.push(parse_quote!(#parameter: 'static));
        }
        predicates.push(parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync));
        predicates.extend(
            marshal::bounds(schema).into_iter().filter(|bound| bound.generic).map(|bound| bound.predicate),
        );
    }
    generics.where_clause
}
