//! The indexes: their declarations, and a function for each that gives it.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Type, WherePredicate, parse_quote};

use super::marshal::is_generic;
use crate::schema::{Field, Index, Schema, Source};

/// The constants in `impl Persist`.
pub(super) fn constants(schema: &Schema) -> TokenStream {
    let declarations = schema.indexes.iter().map(|index| {
        let Index { name, slot, unique, source } = index;
        let name = name.unraw().to_string();
        let key = key(source);
        let of = of(source);
        let keys = keys(source);
        quote_spanned! {key.span()=>
            __txetcd::IndexDeclaration::<Self>::new::<#key>(#name, #slot, #unique, &[#(#of),*], #keys)
        }
    });
    let slots = schema.indexes.iter().map(|index| index.slot);
    quote! {
        const INDEXES: &'static [__txetcd::IndexDeclaration<Self>] = &[#(#declarations),*];
        const INDEX_SLOTS: &'static [::core::primitive::u16] = &[#(#slots),*];
    }
}

/// The functions that give the indexes.
pub(super) fn accessors(schema: &Schema) -> TokenStream {
    let rows = schema.ident.unraw().to_string();
    let functions = schema.indexes.iter().enumerate().map(|(at, index)| {
        let Index { name, slot, unique, source } = index;
        let key = key(source);
        let kind = if *unique { quote!(__txetcd::Unique) } else { quote!(__txetcd::Many) };
        let of = of(source).join(", ");
        let doc = match unique {
            true => format!("The unique index of `{rows}` rows by {of}, in slot {slot}."),
            false => format!("The index of `{rows}` rows by {of}, in slot {slot}."),
        };
        quote! {
            #[doc = #doc]
            #[must_use]
            #[inline]
            pub const fn #name() -> __txetcd::Index<Self, #key, #kind> {
                __txetcd::Index::at(#at)
            }
        }
    });
    functions.collect()
}

/// What must hold for the indexed values of a generic type.
pub(super) fn bounds(schema: &Schema) -> Vec<WherePredicate> {
    let keys = schema.indexes.iter().map(|index| key(&index.source)).filter(|key| is_generic(key, schema));
    keys.map(|key| parse_quote!(#key: __txetcd::Key)).collect()
}

/// The type of the indexed values.
fn key(source: &Source) -> Type {
    match source {
        Source::Field(field) => value(field).clone(),
        Source::Elements(field) => {
            let ty = value(field);
            syn::parse2(quote_spanned!(ty.span()=> <#ty as ::core::iter::IntoIterator>::Item))
                .unwrap_or_else(|_| ty.clone())
        }
        Source::Fields(fields) => {
            let types = fields.iter().map(value);
            parse_quote!((#(#types,)*))
        }
        Source::Function { key, .. } => key.clone(),
    }
}

/// The type of a field's values; an absent one has none.
fn value(field: &Field) -> &Type {
    field.optional().unwrap_or(&field.ty)
}

/// What the values are made of, for people and for the catalogue.
fn of(source: &Source) -> Vec<String> {
    match source {
        Source::Field(field) | Source::Elements(field) => vec![field.stored_name()],
        Source::Fields(fields) => fields.iter().map(Field::stored_name).collect(),
        Source::Function { path, .. } => {
            vec![format!("{}()", path.to_token_stream().to_string().replace(' ', ""))]
        }
    }
}

/// A function that takes the values from a row.
fn keys(source: &Source) -> TokenStream {
    let key = key(source);
    let add = match source {
        Source::Field(field) => {
            let take = take(field);
            quote_spanned!(value(field).span()=> #take __keys.add::<#key, _>(__value);)
        }
        Source::Elements(field) => {
            let take = take(field);
            quote_spanned! {value(field).span()=>
                #take for __element in __value { __keys.add::<#key, _>(__element); }
            }
        }
        Source::Fields(fields) => {
            let names: Vec<_> = (0..fields.len()).map(|at| format_ident!("__value_{at}")).collect();
            let takes = fields.iter().zip(&names).map(|(field, name)| {
                let take = take(field);
                quote!(#take let #name = ::core::clone::Clone::clone(__value);)
            });
            quote!(#(#takes)* __keys.add::<#key, _>(&(#(#names,)*));)
        }
        Source::Function { path, key, each: true } => {
            quote_spanned! {path.span()=>
                for __value in #path(__row) { __keys.add_computed::<#key, _>(__value); }
            }
        }
        Source::Function { path, key, each: false } => {
            quote_spanned!(path.span()=> __keys.add_computed::<#key, _>(#path(__row));)
        }
    };
    quote!(|__row: &Self, __keys: &mut __txetcd::IndexKeys| { #add })
}

/// Binds `__value` to a reference to the field's value, or returns if there is none.
fn take(field: &Field) -> TokenStream {
    let member = &field.member;
    match field.optional() {
        None => quote!(let __value = &__row.#member;),
        Some(_) => {
            quote!(let ::core::option::Option::Some(__value) = &__row.#member else { return; };)
        }
    }
}
