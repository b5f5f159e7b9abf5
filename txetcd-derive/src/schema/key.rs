//! From the user's tokens to a validated [`KeySchema`], for `#[derive(Key)]`.

use syn::{Data, DeriveInput, Expr, Fields, Generics, Ident, Member, Path, Type, parse_quote};

use super::attribute::{Attribute, Found, Place, read};
use super::container::facade;
use super::generics;
use super::mistakes::Mistakes;
use super::receiver::Receiver;

/// What `#[pmap(...)]` may say on a type that derives `Key`.
static PLACE: Place = Place { on: "a key", takes: &[Attribute::once("crate", "crate = \"path\"")] };

/// The index of a variant is one byte.
const MAX_VARIANTS: usize = 256;

/// A struct or enum that derives `Key`.
pub(crate) struct KeySchema {
    /// The type's name.
    pub(crate) ident: Ident,
    /// Its type and const parameters, without defaults.
    pub(crate) generics: Generics,
    /// The path of the facade crate.
    pub(crate) facade: Path,
    /// What the key consists of.
    pub(crate) data: KeyData,
}

/// What a key consists of.
pub(crate) enum KeyData {
    /// Fields, in the order of declaration.
    Struct(Vec<KeyField>),
    /// Variants without fields, in the order of declaration.
    Enum(Vec<Ident>),
}

/// An element of a key.
pub(crate) struct KeyField {
    /// The field's name or number.
    pub(crate) member: Member,
    /// The field's type, without `Self`.
    pub(crate) ty: Type,
}

impl KeySchema {
    /// Reads and checks the input of the derive.
    ///
    /// # Errors
    /// All mistakes of the user, combined.
    pub(crate) fn parse(input: &DeriveInput) -> syn::Result<Self> {
        let mut mistakes = Mistakes::default();
        let receiver = Receiver::new(&input.ident, &input.generics);
        let mut path = parse_quote!(::txetcd);
        read(&input.attrs, &PLACE, &mut mistakes, |found: &Found<'_>| {
            path = facade(&found.string()?)?;
            Ok(())
        });
        for parameter in input.generics.lifetimes() {
            let message = format!(
                "a key owns its data, so it cannot have the lifetime `{}`: use owned types, `String` instead of `&str` for instance",
                parameter.lifetime
            );
            mistakes.push_at(&parameter.lifetime, message);
        }
        let data = match &input.data {
            Data::Struct(data) => KeyData::Struct(fields(&data.fields, &receiver, &mut mistakes)),
            Data::Enum(data) => KeyData::Enum(variants(input, data, &mut mistakes)),
            Data::Union(data) => {
                mistakes.push_at(
                    data.union_token,
                    "`Key` cannot be derived for unions, only for structs and enums",
                );
                KeyData::Struct(Vec::new())
            }
        };
        mistakes.into_result()?;
        // Lifetimes, the only mistake that is found here, have been reported.
        let generics = generics::check(&input.generics, &receiver, &mut Mistakes::default());
        Ok(Self { ident: input.ident.clone(), generics, facade: path, data })
    }
}

fn fields(fields: &Fields, receiver: &Receiver, mistakes: &mut Mistakes) -> Vec<KeyField> {
    let mut read = Vec::new();
    for (member, field) in fields.members().zip(fields) {
        refuse_attributes(&field.attrs, "a field", mistakes);
        read.push(KeyField { member, ty: receiver.resolve_type(&field.ty) });
    }
    read
}

fn variants(input: &DeriveInput, data: &syn::DataEnum, mistakes: &mut Mistakes) -> Vec<Ident> {
    if data.variants.is_empty() {
        mistakes.push_at(&input.ident, "an enum without variants has no values that could be keys");
    }
    if let Some(variant) = data.variants.iter().nth(MAX_VARIANTS) {
        mistakes.push_at(
            &variant.ident,
            format!("a key enum has at most {MAX_VARIANTS} variants, since the variant is one byte"),
        );
    }
    for variant in &data.variants {
        refuse_attributes(&variant.attrs, "a variant", mistakes);
        if !matches!(variant.fields, Fields::Unit) {
            mistakes.push_at(
                &variant.fields,
                "the variants of a key have no fields: for alternatives with data use a tuple or struct of `Option`s",
            );
        }
        if let Some((_, discriminant)) = &variant.discriminant {
            refuse_discriminant(discriminant, mistakes);
        }
    }
    data.variants.iter().map(|variant| variant.ident.clone()).collect()
}

/// `PartialOrd` would follow the discriminants, the bytes the order of declaration.
fn refuse_discriminant(discriminant: &Expr, mistakes: &mut Mistakes) {
    mistakes.push_at(
        discriminant,
        "the variants of a key have no numbers of their own: their bytes and their order are those of declaration",
    );
}

fn refuse_attributes(attrs: &[syn::Attribute], on: &str, mistakes: &mut Mistakes) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("pmap")) {
        mistakes
            .push_at(attr, format!("{on} of a key takes no `#[pmap(...)]`: its place is all there is to it"));
    }
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::{KeyData, KeySchema};

    fn mistakes(input: &DeriveInput) -> usize {
        KeySchema::parse(input).err().map_or(0, |error| error.into_iter().count())
    }

    #[test]
    fn fields_are_in_order() {
        let schema = KeySchema::parse(&parse_quote! {
            #[pmap(crate = "a::b")]
            struct Pair<A, B = u8>(A, Box<Self>, B);
        });
        let Ok(schema) = schema else { panic!("nothing is wrong") };
        assert_eq!(schema.facade, parse_quote!(a::b));
        let KeyData::Struct(fields) = schema.data else { panic!("a struct") };
        let types: Vec<_> = fields.into_iter().map(|field| field.ty).collect();
        assert_eq!(types, [parse_quote!(A), parse_quote!(Box<Pair<A, B>>), parse_quote!(B)]);
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(&parse_quote! {
            #[pmap(slot = 1)]
            enum Kind<'a> {
                A(&'a str),
                B = 7,
                #[pmap(rename = "c")]
                C,
            }
        });
        assert_eq!(found, 5);
        assert_eq!(
            mistakes(&parse_quote!(
                enum Never {}
            )),
            1
        );
    }
}
