//! A field and its attributes.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{ExprPath, GenericArgument, Ident, Index, LitStr, Member, Path, PathArguments, Type};

use super::attribute::{Attribute, Found, Place, read};
use super::borrowed;
use super::index::Written;
use super::mistakes::Mistakes;
use super::receiver::Receiver;

/// What `#[pmap(...)]` may say on a field.
pub(crate) static PLACE: Place = Place {
    on: "a field",
    takes: &[
        Attribute::once("key", "key"),
        Attribute::once("default", "default = path"),
        Attribute::once("rename", "rename = \"name\""),
        Attribute::repeatable("alias", "alias = \"old_name\""),
        Attribute::once("skip", "skip"),
        Attribute::once("with", "with = module"),
        Attribute::repeatable("index", "index(slot = 2)"),
        Attribute::once("references", "references = User"),
        Attribute::once("on_delete", "on_delete = cascade"),
    ],
};

/// A field of a struct or of a variant.
#[derive(Clone)]
pub(crate) struct Field {
    /// Its name, or its position in a tuple.
    pub(crate) member: Member,
    /// Its type, without `Self`.
    pub(crate) ty: Type,
    /// Its stored names.
    pub(crate) wire: Wire,
    /// Whether it is marked as the key.
    pub(crate) is_key: bool,
    /// Where its value comes from when it is not stored.
    pub(crate) fallback: Option<Fallback>,
    /// Whether it is left out of what is stored.
    pub(crate) skip: bool,
    /// The module that marshals it in place of its type.
    pub(crate) with: Option<TokenStream>,
    /// Its indexes.
    pub(super) indexes: Vec<Written>,
    /// The table of the rows that it refers to.
    pub(crate) references: Option<Type>,
    /// What becomes of the row when that one is deleted: a variant of the runtime's `OnDelete`.
    pub(crate) on_delete: Ident,
}

/// The stored names of a field or variant.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    /// The name that is written, if it is not the one in the program.
    pub(crate) rename: Option<LitStr>,
    /// Further names that are read.
    pub(crate) aliases: Vec<LitStr>,
}

/// Where the value of a field comes from when it is not stored.
#[derive(Clone)]
pub(crate) enum Fallback {
    /// The type's `Default`.
    OfType,
    /// This function.
    Function(TokenStream),
}

impl Field {
    /// Reads the field that stands at `index`.
    pub(crate) fn parse(
        field: &syn::Field,
        index: usize,
        receiver: &Receiver,
        mistakes: &mut Mistakes,
    ) -> Self {
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => {
                Member::Unnamed(Index { index: index as u32, span: syn::spanned::Spanned::span(&field.ty) })
            }
        };
        let mut this = Self {
            member,
            ty: receiver.resolve_type(&field.ty),
            wire: Wire::default(),
            is_key: false,
            fallback: None,
            skip: false,
            with: None,
            indexes: Vec::new(),
            references: None,
            on_delete: Ident::new("Restrict", Span::call_site()),
        };
        let mut given = Vec::new();
        read(&field.attrs, &PLACE, mistakes, |found| {
            given.push((found.attribute.name, found.span));
            this.take(found, receiver)
        });
        this.refuse_contradictions(&given, mistakes);
        if !this.skip && this.with.is_none() {
            borrowed::refuse(&field.ty, mistakes);
        }
        this
    }

    fn take(&mut self, found: &Found<'_>, receiver: &Receiver) -> syn::Result<()> {
        match found.attribute.name {
            "key" => {
                self.is_key = true;
                found.flag()?;
            }
            "default" => {
                self.fallback = Some(Fallback::OfType);
                if found.has_value() {
                    let path: ExprPath = found.value("the path of a function without arguments")?;
                    self.fallback = Some(Fallback::Function(receiver.resolve(path.into_token_stream())));
                }
            }
            "skip" => {
                self.skip = true;
                found.flag()?;
            }
            "with" => {
                let module: Path = found.value("the path of a module with `serialize` and `deserialize`")?;
                self.with = Some(receiver.resolve(module.into_token_stream()));
            }
            "references" => {
                self.references = Some(receiver.resolve_type(&found.value("the type of a row")?));
            }
            "on_delete" => self.on_delete = found.choice("rule", &ON_DELETE)?,
            "index" => self.indexes.push(Written::of_field(found)?),
            _ => self.wire.take(found)?,
        }
        Ok(())
    }

    fn refuse_contradictions(&self, given: &[(&'static str, Span)], mistakes: &mut Mistakes) {
        for (name, span) in given {
            match *name {
                "default" if self.is_key => mistakes.push(
                    *span,
                    "`default` on the key: every row has a key, so there is nothing to fall back from; remove `default`",
                ),
                "skip" if self.is_key => mistakes.push(
                    *span,
                    "`skip` on the key: a row is stored with its key; remove `skip`, or leave the key outside the struct and use `put_at`",
                ),
                "rename" | "alias" | "with" if self.skip => mistakes.push(
                    *span,
                    format!("`{name}` on a field that is not stored: remove either `{name}` or `skip`"),
                ),
                "on_delete" if self.references.is_none() => mistakes.push(
                    *span,
                    "`on_delete` on a field that refers to nothing: name the type of the row whose key it holds, as in `references = User`",
                ),
                "on_delete" if self.on_delete == "SetNull" && self.optional().is_none() => mistakes.push(
                    *span,
                    "`on_delete = set_null` on a field that cannot be `None`: make it an `Option`, or choose `restrict` or `cascade`",
                ),
                "references" if !self.indexes.iter().any(Written::is_plain) => mistakes.push(
                    *span,
                    "`references` on a field without an index, through which the rows that refer to a deleted one are found: add `index(slot = N)`",
                ),
                "rename" | "alias" if matches!(self.member, Member::Unnamed(_)) => mistakes.push(
                    *span,
                    format!(
                        "`{name}` on a field without a name: the fields of a tuple are stored by position; remove `{name}`, or name the field"
                    ),
                ),
                _ => {}
            }
        }
    }
}

/// What `on_delete` takes, and the variants that they stand for.
const ON_DELETE: [(&str, &str); 3] =
    [("restrict", "Restrict"), ("cascade", "Cascade"), ("set_null", "SetNull")];

impl Field {
    /// The name under which it is written: its position, if it has none.
    pub(crate) fn stored_name(&self) -> String {
        match &self.member {
            Member::Named(ident) => self.wire.names(ident).next().map_or_else(String::new, |(name, _)| name),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    /// The type in the `Option`, if the field's is spelt as one.
    pub(crate) fn optional(&self) -> Option<&Type> {
        let Type::Path(ty) = &self.ty else { return None };
        let last = ty.path.segments.last().filter(|segment| segment.ident == "Option")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        match arguments.args.first() {
            Some(GenericArgument::Type(ty)) => Some(ty),
            _ => None,
        }
    }
}

impl Wire {
    /// Takes `rename` or `alias`.
    pub(crate) fn take(&mut self, found: &Found<'_>) -> syn::Result<()> {
        let name = found.string()?;
        if found.attribute.repeatable {
            self.aliases.push(name);
        } else {
            self.rename = Some(name);
        }
        Ok(())
    }

    /// The names under which `ident` is read, each with its place.
    pub(crate) fn names(&self, ident: &Ident) -> impl Iterator<Item = (String, Span)> {
        let written = match &self.rename {
            Some(rename) => (rename.value(), rename.span()),
            None => (syn::ext::IdentExt::unraw(ident).to_string(), ident.span()),
        };
        std::iter::once(written).chain(self.aliases.iter().map(|alias| (alias.value(), alias.span())))
    }
}
