//! The user's mistakes, collected until all are known.

use proc_macro2::Span;
use quote::ToTokens;

/// All mistakes found so far, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Mistakes {
    combined: Option<syn::Error>,
}

impl Mistakes {
    /// Adds a mistake that is the whole of `tokens`.
    pub(crate) fn push_at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake at a span.
    pub(crate) fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Adds an error that knows its span.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.combined {
            Some(combined) => combined.combine(error),
            None => self.combined = Some(error),
        }
    }

    /// An error of all mistakes if there was one.
    pub(crate) fn into_result(self) -> syn::Result<()> {
        self.combined.map_or(Ok(()), Err)
    }
}
