//! `Self` in the user's types and paths, replaced by the type itself.
//!
//! Generated code repeats the user's types in places where `Self` is something else.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Generics, Ident, Type};

/// The type that `Self` stands for.
pub(crate) struct Receiver {
    ty: TokenStream,
}

impl Receiver {
    /// The receiver of a type with this name and these parameters.
    pub(crate) fn new(ident: &Ident, generics: &Generics) -> Self {
        let (_, arguments, _) = generics.split_for_impl();
        Self { ty: quote!(#ident #arguments) }
    }

    /// The type without `Self`.
    pub(crate) fn resolve_type(&self, ty: &Type) -> Type {
        syn::parse2(self.resolve(ty.to_token_stream())).unwrap_or_else(|_| ty.clone())
    }

    /// The tokens without `Self`.
    pub(crate) fn resolve(&self, tokens: TokenStream) -> TokenStream {
        let mut resolved = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if ident == "Self" => {
                    let ty = &self.ty;
                    let path = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                    resolved.extend(if path {
                        quote_spanned!(ident.span()=> <#ty>)
                    } else {
                        quote_spanned!(ident.span()=> #ty)
                    });
                }
                TokenTree::Group(group) => {
                    let inner = self.resolve(group.stream());
                    let mut replaced = Group::new(group.delimiter(), inner);
                    replaced.set_span(group.span());
                    resolved.extend([TokenTree::Group(replaced)]);
                }
                other => resolved.extend([other]),
            }
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::{DeriveInput, Type, parse_quote};

    use super::Receiver;

    #[test]
    fn self_becomes_the_type() {
        let input: DeriveInput = parse_quote!(
            struct Wrapper<T, const N: usize> {
                value: T,
            }
        );
        let receiver = Receiver::new(&input.ident, &input.generics);
        for (written, resolved) in [
            (quote!(Vec<Self>), quote!(Vec<Wrapper<T, N>>)),
            (quote!(<Self as Shape>::Area), quote!(<Wrapper<T, N> as Shape>::Area)),
            (quote!([u8; Self::LEN]), quote!([u8; <Wrapper<T, N>>::LEN])),
            (quote!(Option<String>), quote!(Option<String>)),
        ] {
            let written: Type = syn::parse2(written).expect("a type");
            let resolved: Type = syn::parse2(resolved).expect("a type");
            assert_eq!(receiver.resolve_type(&written), resolved);
        }
    }
}
