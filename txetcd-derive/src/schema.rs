//! From the user's tokens to a validated [`Schema`].
//!
//! Nothing here generates code, and nothing here gives up early: every mistake goes into [`Mistakes`], so
//! that one compile shows them all, each at its own place. What only the type checker can know (is the key
//! type a `Key`?) is left to it.

mod attribute;
mod borrowed;
mod container;
mod data;
mod field;
mod generics;
mod mistakes;
mod receiver;
mod suggestion;

use syn::{DeriveInput, Generics, Ident, Path, Type};

use self::container::Container;
pub(crate) use self::data::{Data, Fields, Style};
pub(crate) use self::field::{Fallback, Field, Wire};
use self::mistakes::Mistakes;
use self::receiver::Receiver;

/// A struct or enum that derives `Persist`, with every attribute checked.
pub(crate) struct Schema {
    /// The type's name.
    pub(crate) ident: Ident,
    /// Its type and const parameters, without defaults.
    pub(crate) generics: Generics,
    /// The path of the facade crate.
    pub(crate) facade: Path,
    /// The table's number.
    pub(crate) slot: u16,
    /// The table's name.
    pub(crate) name: String,
    /// The primary key.
    pub(crate) key: PrimaryKey,
    /// The codec, if the user chose one.
    pub(crate) codec: Option<Type>,
    /// The compression: a variant of the runtime's `Compression`.
    pub(crate) compression: Ident,
    /// The fields or variants.
    pub(crate) data: Data,
}

/// The primary key and where it lives.
pub(crate) struct PrimaryKey {
    /// The key's type, as given on the struct or else that of the key field.
    pub(crate) ty: Type,
    /// The field marked `#[pmap(key)]`; without one the key lives outside the struct.
    pub(crate) field: Option<Field>,
}

impl Schema {
    /// Reads and checks the input of the derive.
    ///
    /// # Errors
    /// All mistakes of the user, combined.
    pub(crate) fn parse(input: &DeriveInput) -> syn::Result<Self> {
        let mut mistakes = Mistakes::default();
        let receiver = Receiver::new(&input.ident, &input.generics);
        let container = Container::parse(input, &receiver, &mut mistakes);
        let generics = generics::check(&input.generics, &receiver, &mut mistakes);
        let data = Data::parse(input, &receiver, &mut mistakes);
        let key = PrimaryKey::find(input, &container, &data, &mut mistakes);
        if container.slot.is_none() {
            mistakes.push_at(
                &input.ident,
                "no slot: add `#[pmap(slot = N)]`, where N is a number from 1 to 65534 that no other table of the database has",
            );
        }
        mistakes.into_result()?;
        // A value is missing only where its absence was a mistake.
        let (Some(slot), Some(key), Some(data)) = (container.slot.flatten(), key, data) else {
            return Err(syn::Error::new_spanned(&input.ident, "`Persist` cannot be derived for this type"));
        };
        Ok(Self {
            ident: input.ident.clone(),
            generics,
            facade: container.facade,
            slot,
            name: container.name,
            key,
            codec: container.codec,
            compression: container.compression,
            data,
        })
    }
}

impl PrimaryKey {
    fn find(
        input: &DeriveInput,
        container: &Container,
        data: &Option<Data>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let data = data.as_ref()?;
        let mut marked = data.fields().filter(|field| field.is_key);
        let field = marked.next().cloned();
        for second in marked {
            mistakes.push_at(
                &second.member,
                "a second key field: a row has one key; for a key of two parts give one field a tuple type, such as `(Uuid, String)`",
            );
        }
        let ty = match (&container.key, &field) {
            (Some(declared), _) => declared.clone()?,
            (None, Some(field)) => field.ty.clone(),
            (None, None) => {
                let remedy = match data {
                    Data::Struct(_) => {
                        "no key: mark the field that holds it with `#[pmap(key)]`, or name its type with `#[pmap(key = Type)]` on the struct if the key lives outside it (rows are then stored with `put_at`)"
                    }
                    Data::Enum(_) => {
                        "no key: name its type with `#[pmap(key = Type)]` on the enum (rows are then stored with `put_at`)"
                    }
                };
                mistakes.push_at(&input.ident, remedy);
                return None;
            }
        };
        Some(Self { ty, field })
    }
}
