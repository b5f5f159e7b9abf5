//! The indexes of a table, as attributes of its fields and of itself.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{ExprPath, Ident, Member, Type};

use super::attribute::{Attribute, Found, Place};
use super::container::{TablePlace, slot};
use super::data::{Data, Fields};
use super::field::Field;
use super::mistakes::Mistakes;
use super::receiver::Receiver;
use super::suggestion::nearest;

/// What `index(...)` may say on a field.
static OF_FIELD: Place = Place {
    on: "an index of a field",
    takes: &[
        Attribute::once("slot", "slot = 2"),
        Attribute::once("unique", "unique"),
        Attribute::once("each", "each"),
        Attribute::once("name", "name = by_email"),
    ],
};

/// What `index(...)` may say on a struct or an enum.
static OF_TABLE: Place = Place {
    on: "an index of the table",
    takes: &[
        Attribute::once("name", "name = by_team_role"),
        Attribute::once("slot", "slot = 2"),
        Attribute::once("fields", "fields(team, role)"),
        Attribute::once("key", "key = String"),
        Attribute::once("with", "with = User::domain"),
        Attribute::once("unique", "unique"),
        Attribute::once("each", "each"),
    ],
};

/// An `index(...)` as it was written.
#[derive(Clone)]
pub(crate) struct Written {
    span: Span,
    name: Option<Ident>,
    /// `None` if it was given and is wrong.
    slot: Option<(u16, Span)>,
    unique: bool,
    each: Option<Span>,
    fields: Option<Vec<Member>>,
    key: Option<Type>,
    with: Option<TokenStream>,
}

/// A checked index.
pub(crate) struct Index {
    /// The name of the function that gives it.
    pub(crate) name: Ident,
    pub(crate) slot: u16,
    pub(crate) unique: bool,
    pub(crate) source: Source,
}

/// Where the indexed values come from.
pub(crate) enum Source {
    /// A field.
    Field(Field),
    /// Each element of a field.
    Elements(Field),
    /// Several fields, as a tuple.
    Fields(Vec<Field>),
    /// What a function returns.
    Function { path: TokenStream, key: Type, each: bool },
}

impl Written {
    pub(super) fn of_field(found: &Found<'_>) -> syn::Result<Self> {
        Self::parse(found, &OF_FIELD, None)
    }

    pub(super) fn of_table(found: &Found<'_>, receiver: &Receiver) -> syn::Result<Self> {
        Self::parse(found, &OF_TABLE, Some(receiver))
    }

    fn parse(found: &Found<'_>, place: &'static Place, receiver: Option<&Receiver>) -> syn::Result<Self> {
        let mut this = Self {
            span: found.span,
            name: None,
            slot: None,
            unique: false,
            each: None,
            fields: None,
            key: None,
            with: None,
        };
        found.list(place, |found| this.take(found, receiver))?;
        if this.slot.is_none() {
            return Err(syn::Error::new(
                this.span,
                "an index without a slot: give it one that no table and no other index has, as in `index(slot = 2)`",
            ));
        }
        Ok(this)
    }

    fn take(&mut self, found: &Found<'_>, receiver: Option<&Receiver>) -> syn::Result<()> {
        let resolve = |tokens: TokenStream| match receiver {
            Some(receiver) => receiver.resolve(tokens),
            None => tokens,
        };
        match found.attribute.name {
            "slot" => self.slot = Some((slot(found)?, found.span)),
            "name" => self.name = Some(found.value("the name of the function that gives the index")?),
            "unique" => {
                self.unique = true;
                found.flag()?;
            }
            "each" => {
                self.each = Some(found.span);
                found.flag()?;
            }
            "fields" => self.fields = Some(found.elements()?),
            "key" => {
                let ty: Type = found.value("a type")?;
                self.key = Some(syn::parse2(resolve(ty.into_token_stream()))?);
            }
            _ => {
                let path: ExprPath = found.value("the path of a function that takes a reference to a row")?;
                self.with = Some(resolve(path.into_token_stream()));
            }
        }
        Ok(())
    }

    /// Whether it has one entry for the value of the field.
    pub(super) fn is_plain(&self) -> bool {
        self.each.is_none()
    }

    fn finish(self, name: Ident, source: Source) -> Option<Index> {
        Some(Index { name, slot: self.slot?.0, unique: self.unique, source })
    }

    /// An index of a field.
    fn at(self, field: &Field, mistakes: &mut Mistakes) -> Option<Index> {
        let name = match (&self.name, &field.member) {
            (Some(name), _) => name.clone(),
            (None, Member::Named(ident)) => format_ident!("by_{}", ident.unraw(), span = ident.span()),
            (None, Member::Unnamed(_)) => {
                mistakes.push(
                    self.span,
                    "an index of a field without a name needs one of its own, as in `index(slot = 2, name = by_email)`",
                );
                return None;
            }
        };
        if field.skip {
            mistakes.push(
                self.span,
                "an index of a field that is not stored, so that no stored row has a value for it: remove either `index` or `skip`",
            );
        }
        let source =
            if self.each.is_some() { Source::Elements(field.clone()) } else { Source::Field(field.clone()) };
        self.finish(name, source)
    }

    /// An index of several fields, or of what a function returns.
    fn over(mut self, data: &Data, mistakes: &mut Mistakes) -> Option<Index> {
        let Some(name) = self.name.clone() else {
            mistakes.push(
                self.span,
                "an index of the table without a name: name the function that gives it, as in `index(name = by_team_role, ...)`",
            );
            return None;
        };
        match (self.fields.take(), self.key.take(), self.with.take()) {
            (Some(members), None, None) => {
                if let Some(each) = self.each {
                    mistakes.push(each, "`each` is for an index of one field, or of what a function returns: compute the values with `key = Type, with = function`");
                }
                let fields = fields(&members, data, mistakes)?;
                self.finish(name, Source::Fields(fields))
            }
            (None, Some(key), Some(path)) => {
                let each = self.each.is_some();
                self.finish(name, Source::Function { path, key, each })
            }
            _ => {
                mistakes.push(
                    self.span,
                    "an index of the table is either of fields, as in `fields(team, role)`, or of what a function returns, as in `key = String, with = User::domain`",
                );
                None
            }
        }
    }
}

fn fields(members: &[Member], data: &Data, mistakes: &mut Mistakes) -> Option<Vec<Field>> {
    let Data::Struct(Fields { list, .. }) = data else {
        if let Some(member) = members.first() {
            mistakes.push_at(
                member,
                "`fields` on an enum, whose variants have different fields: compute the value with `key = Type, with = function`",
            );
        }
        return None;
    };
    let mut found = Vec::new();
    for member in members {
        match list.iter().find(|field| field.member == *member) {
            Some(field) if field.skip => {
                mistakes
                    .push_at(member, "this field is not stored, so that no stored row has a value for it");
            }
            Some(field) => found.push(field.clone()),
            None => {
                let name = |member: &Member| member.to_token_stream().to_string();
                let names: Vec<String> = list.iter().map(|field| name(&field.member)).collect();
                let hint = match nearest(&name(member), names.iter().map(String::as_str)) {
                    Some(near) => format!(": did you mean `{near}`?"),
                    None => format!(": the struct has {}", names.join(", ")),
                };
                mistakes.push_at(member, format!("there is no field `{}`{hint}", name(member)));
            }
        }
    }
    (found.len() == members.len()).then_some(found)
}

/// All indexes of a table, in the order of their slots' declaration.
pub(super) fn collect(
    place: Option<TablePlace>,
    of_table: Vec<Written>,
    data: &Option<Data>,
    mistakes: &mut Mistakes,
) -> Vec<Index> {
    let Some(data) = data else { return Vec::new() };
    let mut slots: Vec<u16> = Vec::new();
    if let Some(TablePlace::Slot(slot)) = place {
        slots.push(slot);
    }
    let of_fields: Vec<(Field, Written)> = data
        .fields()
        .flat_map(|field| field.indexes.iter().map(|written| (field.clone(), written.clone())))
        .collect();
    for written in of_fields.iter().map(|(_, written)| written).chain(&of_table) {
        if let Some((slot, span)) = written.slot {
            if slots.contains(&slot) {
                mistakes.push(
                    span,
                    format!("slot {slot} is taken by this table or another index of it: each has a slot of its own"),
                );
            }
            slots.push(slot);
        }
    }
    let mut indexes: Vec<Index> = Vec::new();
    for (field, written) in of_fields {
        if matches!(data, Data::Enum(_)) {
            mistakes.push(
                written.span,
                "an index of a field of an enum, whose variants have different fields: put it on the enum, as in `index(name = by_email, slot = 2, key = String, with = User::email)`",
            );
        } else {
            indexes.extend(written.at(&field, mistakes));
        }
    }
    indexes.extend(of_table.into_iter().filter_map(|written| written.over(data, mistakes)));
    let mut names: Vec<&Ident> = Vec::new();
    for index in &indexes {
        if names.contains(&&index.name) {
            mistakes.push_at(&index.name, format!("another index is named `{}` already", index.name));
        }
        names.push(&index.name);
    }
    indexes
}
