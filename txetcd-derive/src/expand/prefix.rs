//! `impl KeyPrefix`, for the first fields of a struct with `#[derive(Key)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, WhereClause, parse_quote};

use super::marshal::names_parameter;
use crate::schema::key::{KeyData, KeySchema};

/// An impl for each number of first fields; for one of them, by itself and by reference.
pub(super) fn expand(schema: &KeySchema) -> TokenStream {
    let KeyData::Struct(fields) = &schema.data else { return TokenStream::new() };
    let types: Vec<&Type> = fields.iter().map(|field| &field.ty).collect();
    let prefixes = (1..types.len()).map(|count| &types[..count]);
    prefixes.map(|prefix| several(schema, prefix)).collect()
}

fn several(schema: &KeySchema, prefix: &[&Type]) -> TokenStream {
    let Some((last, init)) = prefix.split_last() else { return TokenStream::new() };
    let mut made = TokenStream::new();
    let part = |ty: &Type, value: TokenStream| quote!(<#ty as __txetcd::Key>::encode_part(#value, out)?;);
    if init.is_empty() {
        // An impl for a type parameter itself would be one for all types.
        if !is_parameter(last, schema) {
            made.extend(implement(schema, prefix, &quote!(#last), &part(last, quote!(self))));
            made.extend(implement(schema, prefix, &quote!(&#last), &part(last, quote!(self))));
        }
    } else {
        let indexes = (0..prefix.len()).map(syn::Index::from);
        let parts = prefix.iter().zip(indexes).map(|(ty, index)| part(ty, quote!(&self.#index)));
        made.extend(implement(schema, prefix, &quote!((#(#prefix),*)), &quote!(#(#parts)*)));
    }
    if is_string(last) {
        let indexes: Vec<_> = (0..prefix.len()).map(syn::Index::from).collect();
        let parts = init.iter().zip(&indexes).map(|(ty, index)| part(ty, quote!(&self.#index)));
        let (target, text) = match indexes.last().filter(|_| !init.is_empty()) {
            None => (quote!(&::core::primitive::str), quote!(*self)),
            Some(index) => (quote!((#(#init,)* &::core::primitive::str)), quote!(self.#index)),
        };
        let text =
            quote!(<::core::primitive::str as __txetcd::KeyLike<#last>>::encode_key_part(#text, out)?;);
        made.extend(implement(schema, prefix, &target, &quote!(#(#parts)* #text)));
    }
    made
}

fn implement(schema: &KeySchema, prefix: &[&Type], target: &TokenStream, parts: &TokenStream) -> TokenStream {
    let ident = &schema.ident;
    let (impl_generics, ty_generics, _) = schema.generics.split_for_impl();
    let where_clause = bounds(schema, prefix);
    quote! {
        #[automatically_derived]
        impl #impl_generics __txetcd::KeyPrefix<#ident #ty_generics> for #target #where_clause {
            fn encode_prefix(
                &self,
                out: &mut __txetcd::Vec<::core::primitive::u8>,
            ) -> ::core::result::Result<(), __txetcd::KeyError> {
                #parts
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// That the fields are keys. With `for<'field>` the compiler takes it as given here, so that a field that is none is
/// reported once, by `impl Key`.
fn bounds(schema: &KeySchema, prefix: &[&Type]) -> Option<WhereClause> {
    let ident = &schema.ident;
    let (_, ty_generics, _) = schema.generics.split_for_impl();
    let mut generics = schema.generics.clone();
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.push(parse_quote!(for<'field> #ident #ty_generics: __txetcd::Key));
    for ty in prefix {
        if names_parameter(ty, &schema.generics) {
            predicates.push(parse_quote!(#ty: __txetcd::Key));
        } else {
            predicates.push(parse_quote!(for<'field> #ty: __txetcd::Key));
        }
    }
    generics.where_clause
}

fn is_parameter(ty: &Type, schema: &KeySchema) -> bool {
    let Type::Path(path) = ty else { return false };
    let ident = path.path.get_ident();
    schema.generics.type_params().any(|parameter| Some(&parameter.ident) == ident)
}

/// Whether it is called so; what else is called so has to be like it.
fn is_string(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "String" && last.arguments.is_none())
}
