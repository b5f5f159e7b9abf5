//! The shadow: a private copy of the type, for which serde's own derive writes the marshalling.
//!
//! With `#[serde(remote = "...")]` that derive gives the shadow two functions which take and return the
//! user's type, and no impl of `Serialize` or `Deserialize` for either. So the user's type can have serde
//! derives of its own. The shadow is never constructed.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, LitStr, Member, Type, WherePredicate, parse_quote, parse_quote_spanned};

use crate::schema::{Data, Fallback, Field, Fields, Schema, Style, Wire};

/// The shadow's name.
pub(super) fn ident(schema: &Schema) -> Ident {
    format_ident!("__{}Marshal", schema.ident.unraw())
}

/// A bound under which the type can be marshalled.
pub(super) struct Bound {
    /// The bound.
    pub(super) predicate: WherePredicate,
    /// Whether it depends on the type's parameters.
    pub(super) generic: bool,
}

/// The shadow and its `impl Marshal`.
pub(super) fn expand(schema: &Schema) -> TokenStream {
    let Schema { ident, generics, .. } = schema;
    let shadow = self::ident(schema);
    let bounds = bounds(schema);
    let attributes = {
        let remote = ident.to_string();
        let name = ident.unraw().to_string();
        let bound = bounds.iter().map(|bound| bound.predicate.to_token_stream().to_string());
        let bound = bound.collect::<Vec<_>>().join(", ");
        quote!(crate = "__txetcd::serde", remote = #remote, rename = #name, bound = #bound)
    };
    let definition = definition(schema, &shadow);

    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let mut bounded = generics.clone();
    let predicates = &mut bounded.make_where_clause().predicates;
    for parameter in generics.type_params() {
        let parameter = &parameter.ident;
        predicates.push(parse_quote!(#parameter: 'static));
    }
    predicates.extend(bounds.into_iter().map(|bound| bound.predicate));
    let where_clause = &bounded.where_clause;
    quote! {
        #[derive(__txetcd::serde::Serialize, __txetcd::serde::Deserialize)]
        #[serde(#attributes)]
        #[doc(hidden)]
        #definition

        #[automatically_derived]
        impl #impl_generics __txetcd::Marshal<#ident #ty_generics> for #shadow #ty_generics #where_clause {
            fn serialize<__S: __txetcd::serde::Serializer>(
                value: &#ident #ty_generics,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                Self::serialize(value, serializer)
            }

            fn deserialize<'de, __D: __txetcd::serde::Deserializer<'de>>(
                deserializer: __D,
            ) -> ::core::result::Result<#ident #ty_generics, __D::Error> {
                Self::deserialize(deserializer)
            }
        }
    }
}

/// What must hold of the fields for the type to be marshalled.
///
/// A bound that does not depend on the type's parameters is written with `for<'field>`: the compiler then
/// takes it as given in the shadow, and whoever uses the shadow has to prove it. A field that serde cannot
/// carry is so reported once, and not at each place where the code from serde's derive touches it.
pub(super) fn bounds(schema: &Schema) -> Vec<Bound> {
    let mut bounds: Vec<Bound> = Vec::new();
    let mut push = |ty: &Type, of: TokenStream| {
        let generic = is_generic(ty, schema);
        let predicate: WherePredicate = if generic {
            parse_quote_spanned!(ty.span()=> #ty: #of)
        } else if can_be_text(ty) {
            parse_quote_spanned!(ty.span()=> for<'field> #ty: #of)
        } else {
            return;
        };
        if !bounds.iter().any(|bound| bound.predicate == predicate) {
            bounds.push(Bound { predicate, generic });
        }
    };
    for field in schema.data.fields() {
        if is_marshalled(field) {
            push(&field.ty, quote!(__txetcd::FieldValue));
        }
        if default_of_type(field) && is_generic(&field.ty, schema) {
            push(&field.ty, quote!(__txetcd::FieldDefault));
        }
    }
    bounds
}

/// Whether the field is stored, in the way its type says.
pub(super) fn is_marshalled(field: &Field) -> bool {
    !field.skip && field.with.is_none()
}

/// Whether the type names one of the parameters of the user's type.
pub(super) fn is_generic(ty: &Type, schema: &Schema) -> bool {
    let mut parameters = schema.generics.params.iter().filter_map(|parameter| match parameter {
        syn::GenericParam::Type(parameter) => Some(&parameter.ident),
        syn::GenericParam::Const(parameter) => Some(&parameter.ident),
        syn::GenericParam::Lifetime(_) => None,
    });
    parameters.any(|parameter| names(ty.to_token_stream(), &|ident| ident == parameter))
}

/// Whether the type survives being written as text: the `$crate` of a macro does not.
fn can_be_text(ty: &Type) -> bool {
    !names(ty.to_token_stream(), &|ident| ident == "$crate")
}

fn names(tokens: TokenStream, wanted: &impl Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => wanted(&ident),
        TokenTree::Group(group) => names(group.stream(), wanted),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn default_of_type(field: &Field) -> bool {
    match field.fallback {
        Some(Fallback::OfType) => true,
        Some(Fallback::Function(_)) => false,
        None => field.skip,
    }
}

fn definition(schema: &Schema, shadow: &Ident) -> TokenStream {
    let (impl_generics, _, where_clause) = schema.generics.split_for_impl();
    match &schema.data {
        Data::Struct(fields) => {
            let style = fields.style;
            let fields = shadow_fields(fields);
            match style {
                Style::Named => quote!(pub struct #shadow #impl_generics #where_clause #fields),
                Style::Tuple | Style::Unit => {
                    quote!(pub struct #shadow #impl_generics #fields #where_clause;)
                }
            }
        }
        Data::Enum(variants) => {
            let variants = variants.iter().map(|variant| {
                let ident = &variant.ident;
                let names = names_attribute(&variant.wire);
                let fields = shadow_fields(&variant.fields);
                quote!(#names #ident #fields)
            });
            quote!(pub enum #shadow #impl_generics #where_clause { #(#variants,)* })
        }
    }
}

fn shadow_fields(fields: &Fields) -> TokenStream {
    let list = fields.list.iter().map(|field| {
        let attributes = field_attributes(field);
        let ty = &field.ty;
        match &field.member {
            Member::Named(ident) => quote!(#attributes #ident: #ty),
            Member::Unnamed(_) => quote!(#attributes #ty),
        }
    });
    match fields.style {
        Style::Named => quote!({ #(#list,)* }),
        Style::Tuple => quote!(( #(#list,)* )),
        Style::Unit => TokenStream::new(),
    }
}

fn field_attributes(field: &Field) -> TokenStream {
    let mut attributes = names_attribute(&field.wire);
    if field.skip {
        attributes.extend(quote!(#[serde(skip)]));
    }
    let default = match &field.fallback {
        Some(Fallback::Function(path)) => Some(text(path)),
        _ if default_of_type(field) => Some(LitStr::new("__txetcd::default_value", field.ty.span())),
        _ => None,
    };
    if let Some(default) = default {
        attributes.extend(quote!(#[serde(default = #default)]));
    }
    if let Some(module) = &field.with {
        let module = text(module);
        attributes.extend(quote!(#[serde(with = #module)]));
    }
    attributes
}

fn names_attribute(wire: &Wire) -> TokenStream {
    let rename = wire.rename.iter().map(|name| quote!(#[serde(rename = #name)]));
    let aliases = wire.aliases.iter().map(|name| quote!(#[serde(alias = #name)]));
    rename.chain(aliases).collect()
}

/// The path as serde's attributes want it, with the place of the user's.
fn text(path: &TokenStream) -> LitStr {
    let span = path.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    LitStr::new(&path.to_string(), span)
}
