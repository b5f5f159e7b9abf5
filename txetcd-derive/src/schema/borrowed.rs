//! References in the types of fields.
//!
//! The type checker would refuse them too, since a row that is read has nothing to borrow from, but in words
//! about the generality of lifetimes.

use syn::{GenericArgument, PathArguments, Type};

use super::mistakes::Mistakes;

/// Refuses every reference that is stored as part of `ty`.
pub(crate) fn refuse(ty: &Type, mistakes: &mut Mistakes) {
    match ty {
        Type::Reference(reference) => mistakes.push_at(
            reference,
            "a row owns its data, so a field cannot hold a reference: use an owned type, `String` instead of `&str` for instance",
        ),
        Type::Array(array) => refuse(&array.elem, mistakes),
        Type::Group(group) => refuse(&group.elem, mistakes),
        Type::Paren(paren) => refuse(&paren.elem, mistakes),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| refuse(ty, mistakes)),
        Type::Path(path) => {
            // What a `PhantomData` names is not stored.
            let stored = path.path.segments.iter().filter(|segment| segment.ident != "PhantomData");
            for segment in stored {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            refuse(ty, mistakes);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use syn::{Type, parse_quote};

    use super::{Mistakes, refuse};

    fn is_refused(ty: &Type) -> bool {
        let mut mistakes = Mistakes::default();
        refuse(ty, &mut mistakes);
        mistakes.into_result().is_err()
    }

    #[test]
    fn stored_references_are_refused() {
        assert!(is_refused(&parse_quote!(&'static str)));
        assert!(is_refused(&parse_quote!(Option<(u8, [&'static [u8]; 2])>)));
    }

    #[test]
    fn other_types_are_not() {
        assert!(!is_refused(&parse_quote!(std::borrow::Cow<'static, str>)));
        assert!(!is_refused(&parse_quote!(std::marker::PhantomData<&'static str>)));
        assert!(!is_refused(&parse_quote!([u8; { A & B }])));
    }
}
