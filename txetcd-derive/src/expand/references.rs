//! The references: their declarations in `impl Persist`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::schema::{Data, Schema, Source};

/// The constant, if there are references.
pub(super) fn constant(schema: &Schema) -> Option<TokenStream> {
    let Data::Struct(fields) = &schema.data else { return None };
    let declarations: Vec<TokenStream> = fields
        .list
        .iter()
        .filter_map(|field| {
            let target = field.references.as_ref()?;
            let member = &field.member;
            let is_of_field = |source: &Source| matches!(source, Source::Field(own) if own.member == *member);
            let index = schema.indexes.iter().position(|index| is_of_field(&index.source))?;
            let name = field.stored_name();
            let on_delete = &field.on_delete;
            let (key, clear) = match field.optional() {
                None => (
                    quote_spanned! {field.ty.span()=>
                        |__row: &Self| ::core::option::Option::Some(__txetcd::reference_key::<#target>(&__row.#member))
                    },
                    quote!(::core::option::Option::None),
                ),
                Some(ty) => (
                    quote_spanned! {ty.span()=>
                        |__row: &Self| ::core::option::Option::map(
                            ::core::option::Option::as_ref(&__row.#member),
                            __txetcd::reference_key::<#target>,
                        )
                    },
                    quote! {
                        ::core::option::Option::Some(|__row: &mut Self| __row.#member = ::core::option::Option::None)
                    },
                ),
            };
            Some(quote! {
                __txetcd::ReferenceDeclaration::<Self>::new::<#target>(
                    #name,
                    #index,
                    __txetcd::OnDelete::#on_delete,
                    #key,
                    #clear,
                )
            })
        })
        .collect();
    (!declarations.is_empty()).then(|| {
        quote! {
            const REFERENCES: &'static [__txetcd::ReferenceDeclaration<Self>] = &[#(#declarations),*];
        }
    })
}
