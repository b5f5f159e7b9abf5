//! The shadow: a private copy of the type, for which serde's own derive writes the marshalling.
//!
//! With `#[serde(remote = "...")]` that derive gives the shadow two functions which take and return the
//! user's type, and no impl of `Serialize` or `Deserialize` for either. So the user's type can have serde
//! derives of its own. The shadow is never constructed.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, LitStr, Member, Type, WherePredicate, parse_quote, parse_quote_spanned};

use crate::schema::{Data, Fallback, Field, Fields, Schema, Style, Wire};

/// The type that is the `Marshal` of the user's type.
pub(super) fn ty(schema: &Schema) -> TokenStream {
    let shadow = ident(schema);
    let (_, ty_generics, _) = schema.generics.split_for_impl();
    quote!(__txetcd::Derived<#shadow #ty_generics>)
}

fn ident(schema: &Schema) -> Ident {
    format_ident!("__{}Shadow", schema.ident.unraw())
}

/// A bound under which the type can be marshalled.
pub(super) struct Bound {
    /// The bound.
    pub(super) predicate: WherePredicate,
    /// Whether it depends on the type's parameters.
    pub(super) generic: bool,
}

/// The shadow and its `impl Shadow`.
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
    let (definition, items) = definition(schema, &shadow);

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

        #(#items)*

        #[diagnostic::do_not_recommend]
        impl #impl_generics __txetcd::Shadow<#ident #ty_generics> for #shadow #ty_generics #where_clause {
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
    names_parameter(ty, &schema.generics)
}

/// Whether a type speaks of a type or const parameter.
pub(super) fn names_parameter(ty: &Type, generics: &syn::Generics) -> bool {
    let mut parameters = generics.params.iter().filter_map(|parameter| match parameter {
        syn::GenericParam::Type(parameter) => Some(&parameter.ident),
        syn::GenericParam::Const(parameter) => Some(&parameter.ident),
        syn::GenericParam::Lifetime(_) => None,
    });
    parameters.any(|parameter| names(ty.to_token_stream(), &|ident| ident == parameter))
}

/// Whether a type or path survives being written as text: the `$crate` of a macro does not.
fn can_be_text(tokens: &impl ToTokens) -> bool {
    !names(tokens.to_token_stream(), &|ident| ident == "$crate")
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

/// The definition of the shadow, and the items that its attributes name.
fn definition(schema: &Schema, shadow: &Ident) -> (TokenStream, Vec<TokenStream>) {
    let (impl_generics, _, where_clause) = schema.generics.split_for_impl();
    let mut items = Vec::new();
    let definition = match &schema.data {
        Data::Struct(fields) => {
            let style = fields.style;
            let fields = shadow_fields(fields, schema, &mut items);
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
                let fields = shadow_fields(&variant.fields, schema, &mut items);
                quote!(#names #ident #fields)
            });
            quote!(pub enum #shadow #impl_generics #where_clause { #(#variants,)* })
        }
    };
    (definition, items)
}

fn shadow_fields(fields: &Fields, schema: &Schema, items: &mut Vec<TokenStream>) -> TokenStream {
    let list = fields.list.iter().map(|field| {
        let attributes = field_attributes(field, schema, items);
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

fn field_attributes(field: &Field, schema: &Schema, items: &mut Vec<TokenStream>) -> TokenStream {
    let mut attributes = names_attribute(&field.wire);
    if field.skip {
        attributes.extend(quote!(#[serde(skip)]));
    }
    if let Some(path) = default(field, schema, items) {
        attributes.extend(quote!(#[serde(default = #path)]));
    }
    if let Some(module) = &field.with {
        let module = if can_be_text(module) {
            LitStr::new(&module.to_string(), module.span())
        } else {
            let name = format_ident!("__with_{}", items.len());
            items.push(quote!(use #module as #name;));
            LitStr::new(&name.to_string(), module.span())
        };
        attributes.extend(quote!(#[serde(with = #module)]));
    }
    attributes
}

/// The path of the function that makes the value of an absent field.
///
/// The user's own function is called by one of ours that returns the field's type, so that a mistake in it
/// is reported there.
fn default(field: &Field, schema: &Schema, items: &mut Vec<TokenStream>) -> Option<LitStr> {
    let ty = &field.ty;
    if default_of_type(field) {
        return Some(LitStr::new("__txetcd::default_value", ty.span()));
    }
    let Some(Fallback::Function(path)) = &field.fallback else {
        return None;
    };
    let (impl_generics, ty_generics, where_clause) = schema.generics.split_for_impl();
    let name = format_ident!("__default_{}", items.len());
    let call = quote_spanned!(path.span()=> #path());
    items.push(quote! {
        fn #name #impl_generics () -> #ty #where_clause {
            #call
        }
    });
    let turbofish = ty_generics.as_turbofish();
    Some(LitStr::new(&quote!(#name #turbofish).to_string(), path.span()))
}

fn names_attribute(wire: &Wire) -> TokenStream {
    let rename = wire.rename.iter().map(|name| quote!(#[serde(rename = #name)]));
    let aliases = wire.aliases.iter().map(|name| quote!(#[serde(alias = #name)]));
    rename.chain(aliases).collect()
}
