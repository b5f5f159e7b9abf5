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
mod index;
pub(crate) mod key;
mod mistakes;
mod receiver;
mod suggestion;

use syn::{DeriveInput, Generics, Ident, Path, Type};

use self::container::Container;
pub(crate) use self::container::TablePlace;
pub(crate) use self::data::{Data, Fields, Style};
pub(crate) use self::field::{Fallback, Field, Wire};
pub(crate) use self::index::{Index, Source};
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
    /// Where the table is.
    pub(crate) place: TablePlace,
    /// The table's name.
    pub(crate) name: String,
    /// The primary key.
    pub(crate) key: PrimaryKey,
    /// The codec, if the user chose one.
    pub(crate) codec: Option<Type>,
    /// The compression: a variant of the runtime's `Compression`.
    pub(crate) compression: Ident,
    /// The version of the declaration.
    pub(crate) version: u32,
    /// The type that was the older version.
    pub(crate) from: Option<Type>,
    /// Whether unknown fields are kept.
    pub(crate) keep_unknown: bool,
    pub(crate) cached: bool,
    /// The indexes.
    pub(crate) indexes: Vec<Index>,
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
        let mut container = Container::parse(input, &receiver, &mut mistakes);
        let generics = generics::check(&input.generics, &receiver, &mut mistakes);
        let data = Data::parse(input, &receiver, &mut mistakes);
        let key = PrimaryKey::find(input, &container, &data, &mut mistakes);
        let of_table = std::mem::take(&mut container.indexes);
        let indexes = index::collect(container.place.flatten(), of_table, &data, &mut mistakes);
        if container.place.is_none() {
            mistakes.push_at(
                &input.ident,
                "no slot: add `#[pmap(slot = N)]`, where N is a number from 1 to 65534 that no other table of the database has, or `#[pmap(oid = \"...\")]` with a uuid of the table's own, to have a slot allocated",
            );
        }
        mistakes.into_result()?;
        // A value is missing only where its absence was a mistake.
        let (Some(place), Some(key), Some(data)) = (container.place.flatten(), key, data) else {
            return Err(syn::Error::new_spanned(&input.ident, "`Persist` cannot be derived for this type"));
        };
        Ok(Self {
            ident: input.ident.clone(),
            generics,
            facade: container.facade,
            place,
            name: container.name,
            key,
            codec: container.codec,
            compression: container.compression,
            version: container.version.map_or(1, |(version, _)| version),
            from: container.from,
            keep_unknown: container.keep_unknown,
            cached: container.cached,
            indexes,
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

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::{Schema, TablePlace};

    /// The first line of each message.
    fn mistakes(input: &DeriveInput) -> Vec<String> {
        match Schema::parse(input) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let first_line = |error: syn::Error| error.to_string().lines().next().map(str::to_owned);
                error.into_iter().filter_map(first_line).collect()
            }
        }
    }

    fn one_mistake(input: &DeriveInput) -> String {
        let found = mistakes(input);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.concat()
    }

    #[test]
    fn defaults() {
        let schema = Schema::parse(&parse_quote! {
            #[pmap(slot = 1)]
            struct r#type<T = String> {
                #[pmap(key)]
                id: Vec<Self>,
                value: T,
            }
        });
        let Ok(schema) = schema else { panic!("nothing is wrong") };
        assert_eq!((schema.place, schema.name.as_str()), (TablePlace::Slot(1), "type"));
        assert_eq!(schema.facade, parse_quote!(::txetcd));
        assert_eq!(schema.key.ty, parse_quote!(Vec<r#type<T>>));
        assert!(schema.key.field.is_some() && schema.codec.is_none());
        assert_eq!(schema.compression, "None");
        assert_eq!(schema.generics, parse_quote!(<T>));
    }

    #[test]
    fn every_attribute_of_the_struct() {
        let schema = Schema::parse(&parse_quote! {
            #[pmap(slot = 0xFFFE, key = Map<A, B>)]
            #[pmap(codec = a::B<C, D>, compress = lz4, name = "n", crate = "a::b",)]
            enum Row {}
        });
        let Ok(schema) = schema else { panic!("nothing is wrong") };
        assert_eq!(schema.place, TablePlace::Slot(65534));
        assert_eq!(schema.key.ty, parse_quote!(Map<A, B>));
        assert_eq!(schema.codec, Some(parse_quote!(a::B<C, D>)));
        assert_eq!(schema.compression, "Lz4");
        assert_eq!(schema.facade, parse_quote!(a::b));
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(&parse_quote! {
            #[pmap(slot = 0, codec, unknown = Map<A, B>, compress = zip)]
            struct Row<'a> {
                #[pmap(key, default)]
                id: u64,
                #[pmap(key = 1, nonsense(a, b), skip)]
                other: &'a str,
            }
        });
        assert_eq!(found.len(), 10, "{found:#?}");
    }

    #[test]
    fn a_misspelt_name_is_taken_as_it_is_meant() {
        let found = one_mistake(&parse_quote! {
            #[pmap(slto = 1, key = u64)]
            struct Row;
        });
        assert_eq!(found, "unknown attribute `slto`: did you mean `slot`?");
        let found = mistakes(&parse_quote! {
            #[pmap(slot = 1, slto = 2, key = u64)]
            struct Row;
        });
        assert_eq!(found.len(), 1, "{found:#?}");
    }

    #[test]
    fn a_wrong_value_is_not_also_missing() {
        let found = one_mistake(&parse_quote! {
            #[pmap(slot = "1", key = u64)]
            struct Row;
        });
        assert!(found.contains("takes a number"), "{found}");
        let found = one_mistake(&parse_quote! {
            #[pmap(slot = 1, key = 7)]
            struct Row;
        });
        assert!(found.contains("takes a type"), "{found}");
    }

    #[test]
    fn reading_goes_on_behind_a_mistake() {
        // The comma inside `<...>` ends nothing.
        let found = mistakes(&parse_quote! {
            #[pmap(what = Map<A, fn(B) -> C>, slot = 1 key = u64)]
            struct Row;
        });
        assert_eq!(found, ["unknown attribute `what`", "expected `,` or the end"]);
    }

    #[test]
    fn attributes_of_others_are_ignored() {
        let found = mistakes(&parse_quote! {
            #[serde(rename = "a")]
            #[pmap(slot = 1)]
            /// A row.
            struct Row(#[pmap(key)] #[other(key)] u64);
        });
        assert!(found.is_empty(), "{found:#?}");
    }
}
