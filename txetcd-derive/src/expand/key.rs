//! `impl Key`, for `#[derive(Key)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, WhereClause, parse_quote};

use super::marshal::names_parameter;
use super::{prefix, runtime};
use crate::schema::key::{KeyData, KeyField, KeySchema};

/// Everything that `#[derive(Key)]` generates.
pub(crate) fn expand(schema: &KeySchema) -> TokenStream {
    let runtime = runtime::import(&schema.facade);
    let ident = &schema.ident;
    let (impl_generics, ty_generics, _) = schema.generics.split_for_impl();
    let where_clause = bounds(schema);
    let prefixes = prefix::expand(schema);
    let methods = match &schema.data {
        KeyData::Struct(fields) => of_struct(fields),
        KeyData::Enum(variants) => of_enum(variants),
    };
    quote! {
        #[doc(hidden)]
        #[allow(
            deprecated,
            non_local_definitions,
            unused_mut,
            unused_qualifications,
            unused_variables,
            clippy::all,
            clippy::nursery,
            clippy::pedantic,
            clippy::restriction
        )]
        const _: () = {
            #runtime
            #[automatically_derived]
            impl #impl_generics __txetcd::Key for #ident #ty_generics #where_clause {
                #methods
            }

            #prefixes
        };
    }
}

/// What must hold for a generic type to be a key: the user's own bounds, that its generic fields are keys, and
/// what `Key` asks of every key.
fn bounds(schema: &KeySchema) -> Option<WhereClause> {
    let mut generics: Generics = schema.generics.clone();
    if generics.type_params().next().is_some() {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.push(parse_quote! {
            Self: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
        });
        if let KeyData::Struct(fields) = &schema.data {
            for KeyField { ty, .. } in fields {
                if names_parameter(ty, &schema.generics) {
                    predicates.push(parse_quote!(#ty: __txetcd::Key));
                }
            }
        }
    }
    generics.where_clause
}

/// The element's type is named, so that the type checker points at it if it is not a key.
fn call(field: &KeyField, method: &str) -> TokenStream {
    let (ty, method) = (&field.ty, syn::Ident::new(method, proc_macro2::Span::call_site()));
    quote_spanned!(ty.span()=> <#ty as __txetcd::Key>::#method)
}

fn of_struct(fields: &[KeyField]) -> TokenStream {
    let (init, last) = match fields.split_last() {
        Some((last, init)) => (init, Some(last)),
        None => (fields, None),
    };
    let write = |field: &KeyField, method: &str| {
        let (member, call) = (&field.member, call(field, method));
        quote!(#call(&self.#member, out)?;)
    };
    let parts: Vec<_> = init.iter().map(|field| write(field, "encode_part")).collect();
    let (last_whole, last_part) =
        (last.map(|last| write(last, "encode")), last.map(|last| write(last, "encode_part")));
    let read_parts: Vec<_> =
        init.iter().map(|field| read(field, "decode_part", &quote!(&mut bytes))).collect();
    let read_last = match last {
        Some(last) => read(last, "decode", &quote!(bytes)),
        None => quote!(),
    };
    let read_all = fields.iter().map(|field| read(field, "decode_part", &quote!(bytes)));
    let sizes = fields.iter().map(|field| {
        let (member, call) = (&field.member, call(field, "size_hint"));
        quote!(+ #call(&self.#member))
    });
    let no_more = last.is_none().then(|| quote!(__txetcd::end_of_key(bytes)?;));
    quote! {
        fn encode(
            &self,
            out: &mut __txetcd::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __txetcd::KeyError> {
            out.reserve(__txetcd::Key::size_hint(self));
            #(#parts)*
            #last_whole
            ::core::result::Result::Ok(())
        }

        fn decode(mut bytes: &[::core::primitive::u8]) -> ::core::result::Result<Self, __txetcd::KeyError> {
            #no_more
            ::core::result::Result::Ok(Self { #(#read_parts,)* #read_last })
        }

        fn encode_part(
            &self,
            out: &mut __txetcd::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __txetcd::KeyError> {
            out.reserve(__txetcd::Key::size_hint(self));
            #(#parts)*
            #last_part
            ::core::result::Result::Ok(())
        }

        fn decode_part(
            bytes: &mut &[::core::primitive::u8],
        ) -> ::core::result::Result<Self, __txetcd::KeyError> {
            ::core::result::Result::Ok(Self { #(#read_all,)* })
        }

        fn size_hint(&self) -> ::core::primitive::usize {
            0 #(#sizes)*
        }
    }
}

fn read(field: &KeyField, method: &str, bytes: &TokenStream) -> TokenStream {
    let (member, call) = (&field.member, call(field, method));
    quote!(#member: #call(#bytes)?)
}

fn of_enum(variants: &[syn::Ident]) -> TokenStream {
    let indexes = 0..=u8::MAX;
    let arms = variants.iter().zip(indexes).map(|(variant, index)| quote!(Self::#variant => #index));
    let arms = quote!(#(#arms,)*);
    quote! {
        fn encode(
            &self,
            out: &mut __txetcd::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __txetcd::KeyError> {
            __txetcd::encode_variant(match self { #arms }, out)
        }

        fn decode(bytes: &[::core::primitive::u8]) -> ::core::result::Result<Self, __txetcd::KeyError> {
            __txetcd::decode_variant(bytes, &[#(Self::#variants,)*])
        }

        fn encode_part(
            &self,
            out: &mut __txetcd::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), __txetcd::KeyError> {
            __txetcd::Key::encode(self, out)
        }

        fn decode_part(
            bytes: &mut &[::core::primitive::u8],
        ) -> ::core::result::Result<Self, __txetcd::KeyError> {
            __txetcd::decode_variant_part(bytes, &[#(Self::#variants,)*])
        }

        fn size_hint(&self) -> ::core::primitive::usize {
            1
        }
    }
}
