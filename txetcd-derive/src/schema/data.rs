//! The shape of the value: the fields of a struct, or the variants of an enum.

use proc_macro2::Span;
use syn::{DeriveInput, Ident, Member};

use super::attribute::{Attribute, Place, read};
use super::field::{Field, Wire};
use super::mistakes::Mistakes;
use super::receiver::Receiver;

/// What `#[pmap(...)]` may say on a variant.
pub(crate) static VARIANT: Place = Place {
    on: "a variant",
    takes: &[
        Attribute::once("rename", "rename = \"name\""),
        Attribute::repeatable("alias", "alias = \"old_name\""),
    ],
};

/// What the type is made of.
pub(crate) enum Data {
    /// A struct.
    Struct(Fields),
    /// An enum.
    Enum(Vec<Variant>),
}

/// The fields of a struct or variant.
pub(crate) struct Fields {
    /// How they are written.
    pub(crate) style: Style,
    /// The fields in order.
    pub(crate) list: Vec<Field>,
}

/// How fields are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `{ name: Type }`
    Named,
    /// `(Type)`
    Tuple,
    /// None at all.
    Unit,
}

/// A variant of an enum.
pub(crate) struct Variant {
    /// Its name.
    pub(crate) ident: Ident,
    /// Its stored names.
    pub(crate) wire: Wire,
    /// Its fields.
    pub(crate) fields: Fields,
}

impl Data {
    /// Reads fields or variants; `None` for a union.
    pub(crate) fn parse(input: &DeriveInput, receiver: &Receiver, mistakes: &mut Mistakes) -> Option<Self> {
        match &input.data {
            syn::Data::Struct(data) => Some(Self::Struct(Fields::parse(&data.fields, receiver, mistakes))),
            syn::Data::Enum(data) => {
                let variants: Vec<Variant> =
                    data.variants.iter().map(|variant| Variant::parse(variant, receiver, mistakes)).collect();
                let names = variants.iter().flat_map(|variant| variant.wire.names(&variant.ident));
                refuse_equal_names("variant", names, mistakes);
                Some(Self::Enum(variants))
            }
            syn::Data::Union(data) => {
                mistakes.push_at(
                    data.union_token,
                    "a union cannot be a row, since nothing says which of its fields is the valid one: use an enum",
                );
                None
            }
        }
    }

    /// All fields, those of variants included.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let (fields, variants) = match self {
            Self::Struct(fields) => (Some(fields), [].as_slice()),
            Self::Enum(variants) => (None, variants.as_slice()),
        };
        fields
            .into_iter()
            .chain(variants.iter().map(|variant| &variant.fields))
            .flat_map(|fields| &fields.list)
    }
}

impl Fields {
    fn parse(fields: &syn::Fields, receiver: &Receiver, mistakes: &mut Mistakes) -> Self {
        let style = match fields {
            syn::Fields::Named(_) => Style::Named,
            syn::Fields::Unnamed(_) => Style::Tuple,
            syn::Fields::Unit => Style::Unit,
        };
        let list: Vec<Field> = fields
            .iter()
            .enumerate()
            .map(|(index, field)| Field::parse(field, index, receiver, mistakes))
            .collect();
        let names = list.iter().filter(|field| !field.skip).flat_map(|field| {
            let ident = match &field.member {
                Member::Named(ident) => Some(ident),
                Member::Unnamed(_) => None,
            };
            ident.into_iter().flat_map(|ident| field.wire.names(ident))
        });
        refuse_equal_names("field", names, mistakes);
        if style == Style::Tuple {
            refuse_gaps(&list, mistakes);
        }
        Self { style, list }
    }
}

impl Variant {
    fn parse(variant: &syn::Variant, receiver: &Receiver, mistakes: &mut Mistakes) -> Self {
        let mut wire = Wire::default();
        read(&variant.attrs, &VARIANT, mistakes, |found| wire.take(found));
        let mut fields = Fields::parse(&variant.fields, receiver, mistakes);
        for field in fields.list.iter_mut().filter(|field| field.is_key) {
            field.is_key = false;
            mistakes.push_at(
                &field.member,
                "a key field in an enum: its variants have different fields, so the key lives outside; name its type with `#[pmap(key = Type)]` on the enum and store rows with `put_at`",
            );
        }
        Self { ident: variant.ident.clone(), wire, fields }
    }
}

/// Two fields (or variants) with one stored name could not be told apart when a row is read.
fn refuse_equal_names(what: &str, names: impl Iterator<Item = (String, Span)>, mistakes: &mut Mistakes) {
    let mut seen = std::collections::HashSet::new();
    for (name, span) in names {
        if seen.contains(&name) {
            mistakes.push(span, format!("another {what} is already stored or read under the name `{name}`"));
        }
        seen.insert(name);
    }
}

/// A tuple is stored by position, so only its last fields can be absent.
fn refuse_gaps(list: &[Field], mistakes: &mut Mistakes) {
    let stored: Vec<&Field> = list.iter().filter(|field| !field.skip).collect();
    let Some(last) = stored.iter().rposition(|field| field.fallback.is_none()) else {
        return;
    };
    for field in stored[..last].iter().filter(|field| field.fallback.is_some()) {
        mistakes.push_at(
            &field.ty,
            "`default` on a field of a tuple is for the last ones, and a field behind this one is always stored: give that one `default` too, or name the fields",
        );
    }
}
