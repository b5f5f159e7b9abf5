//! `impl Persist`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Member, WhereClause, parse_quote};

use super::{indexes, marshal, references};
use crate::schema::{Data, Fields, Schema, Style, TablePlace};

/// The impl.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let Schema { ident, generics, place, name, compression, version, .. } = schema;
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let where_clause = bounds(schema);
    let key = &schema.key.ty;
    let codec = match &schema.codec {
        Some(codec) => quote!(#codec),
        None => quote!(__txetcd::Cbor),
    };
    let marshal = marshal::ty(schema);
    let place = match place {
        TablePlace::Slot(slot) => quote!(__txetcd::Place::Slot(#slot)),
        TablePlace::Oid(oid) => quote!(__txetcd::Place::Catalogue(__txetcd::Uuid::from_u128(#oid))),
    };
    let fields = fields(&schema.data);
    let indexes = indexes::constants(schema);
    let references = references::constant(schema);
    let older = schema.from.as_ref().map(|older| {
        quote_spanned! {older.span()=>
            fn decode_older(
                stored: &[::core::primitive::u8],
            ) -> ::core::option::Option<::core::result::Result<Self, __txetcd::CodecError>> {
                ::core::option::Option::Some(__txetcd::upgrade::<#older, Self>(stored))
            }
        }
    });
    let unknown = schema.keep_unknown.then(|| {
        quote! {
            const KEEPS_UNKNOWN: ::core::primitive::bool = true;

            fn add_unknown(
                value: __txetcd::Vec<::core::primitive::u8>,
                before: &[::core::primitive::u8],
            ) -> ::core::result::Result<__txetcd::Vec<::core::primitive::u8>, __txetcd::CodecError> {
                __txetcd::with_unknown::<Self>(value, before)
            }
        }
    });
    let cached = schema.cached.then(|| {
        quote!(
            const CACHED: ::core::primitive::bool = true;
        )
    });
    quote! {
        impl #impl_generics __txetcd::Persist for #ident #ty_generics #where_clause {
            type Key = #key;
            type Marshal = #marshal;
            type Codec = #codec;
            const PLACE: __txetcd::Place = #place;
            const NAME: &'static ::core::primitive::str = #name;
            const FIELDS: &'static [__txetcd::Field] = &[#(#fields),*];
            #indexes
            #references
            const COMPRESSION: __txetcd::Compression = __txetcd::Compression::#compression;
            const VERSION: ::core::primitive::u32 = #version;
            #cached
            #older
            #unknown
        }
    }
}

/// The stored fields of a struct with named fields.
fn fields(data: &Data) -> Vec<TokenStream> {
    let Data::Struct(Fields { style: Style::Named, list }) = data else { return Vec::new() };
    let stored = list.iter().filter(|field| !field.skip);
    stored
        .filter_map(|field| {
            let Member::Named(ident) = &field.member else { return None };
            let mut names = field.wire.names(ident).map(|(name, _)| name);
            let name = names.next()?;
            let optional = field.fallback.is_some() || (field.with.is_none() && field.optional().is_some());
            Some(quote!(__txetcd::Field { name: #name, aliases: &[#(#names),*], optional: #optional }))
        })
        .collect()
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
        predicates.extend(indexes::bounds(schema));
        predicates.extend(
            marshal::bounds(schema).into_iter().filter(|bound| bound.generic).map(|bound| bound.predicate),
        );
    }
    generics.where_clause
}
