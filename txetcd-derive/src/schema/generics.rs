//! Type and const parameters are fine, lifetimes are not.

use quote::ToTokens;
use syn::{GenericParam, Generics};

use super::mistakes::Mistakes;
use super::receiver::Receiver;

/// The generics without defaults and without `Self`, as impls need them.
pub(crate) fn check(generics: &Generics, receiver: &Receiver, mistakes: &mut Mistakes) -> Generics {
    for parameter in generics.lifetimes() {
        mistakes.push_at(
            &parameter.lifetime,
            format!(
                "a row owns its data, so it cannot have the lifetime `{}`: use owned types, `String` instead of `&str` for instance",
                parameter.lifetime
            ),
        );
    }
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        match parameter {
            GenericParam::Type(parameter) => parameter.default = None,
            GenericParam::Const(parameter) => parameter.default = None,
            GenericParam::Lifetime(_) => {}
        }
    }
    if let Some(clause) = &mut generics.where_clause {
        for predicate in &mut clause.predicates {
            if let Ok(resolved) = syn::parse2(receiver.resolve(predicate.to_token_stream())) {
                *predicate = resolved;
            }
        }
    }
    generics
}
