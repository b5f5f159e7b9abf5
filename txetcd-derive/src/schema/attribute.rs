//! Reading `#[pmap(...)]`: names, flags and values, with recovery after a mistake.
//!
//! What is valid where is data ([`Place`]); the meaning of a name is the caller's. After a mistake reading
//! goes on behind the next comma.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, Lit, LitStr, Meta, Token};

use super::mistakes::Mistakes;
use super::suggestion::nearest;

/// A name that may stand in `#[pmap(...)]`.
pub(crate) struct Attribute {
    /// The name.
    pub(crate) name: &'static str,
    /// An example of its use.
    pub(crate) form: &'static str,
    /// Whether it may be given more than once.
    pub(crate) repeatable: bool,
}

impl Attribute {
    /// An attribute that may be given once.
    pub(crate) const fn once(name: &'static str, form: &'static str) -> Self {
        Self { name, form, repeatable: false }
    }

    /// An attribute that may be given again and again.
    pub(crate) const fn repeatable(name: &'static str, form: &'static str) -> Self {
        Self { name, form, repeatable: true }
    }
}

/// Where `#[pmap(...)]` may stand, and what may be in it there.
pub(crate) struct Place {
    /// What it stands on, with its article: `"a field"`.
    pub(crate) on: &'static str,
    /// What may be in it.
    pub(crate) takes: &'static [Attribute],
}

impl Place {
    fn find(&self, name: &str) -> Option<&'static Attribute> {
        self.takes.iter().find(|attribute| attribute.name == name)
    }

    fn valid(&self) -> String {
        let forms: Vec<String> = self.takes.iter().map(|attribute| format!("`{}`", attribute.form)).collect();
        format!("{} takes {}", self.on, forms.join(", "))
    }

    /// The attribute that a misspelt name probably means.
    fn nearest(&self, name: &str) -> Option<&'static Attribute> {
        nearest(name, self.takes.iter().map(|attribute| attribute.name)).and_then(|near| self.find(near))
    }

    fn unknown(&self, name: &str) -> String {
        let others = [&super::container::STRUCT, &super::field::PLACE, &super::data::VARIANT];
        let hint = match others.iter().find(|other| other.find(name).is_some()) {
            Some(other) => format!("`{name}` belongs on {}, not on {}", other.on, self.on),
            None => match self.nearest(name) {
                Some(near) => format!("unknown attribute `{name}`: did you mean `{}`?", near.name),
                None => format!("unknown attribute `{name}`"),
            },
        };
        format!("{hint}\n{}", self.valid())
    }
}

/// An attribute that was found, and the input behind its name.
pub(crate) struct Found<'a> {
    /// What was found.
    pub(crate) attribute: &'static Attribute,
    /// Where its name stands.
    pub(crate) span: Span,
    input: ParseStream<'a>,
}

impl Found<'_> {
    /// Whether a value follows.
    pub(crate) fn has_value(&self) -> bool {
        !self.ends()
    }

    /// Checks that no value follows.
    pub(crate) fn flag(&self) -> syn::Result<()> {
        if self.ends() {
            Ok(())
        } else {
            Err(self.input.error(format!("`{}` takes no value", self.attribute.name)))
        }
    }

    /// The value behind `=`; `what` says what it is: `"a type"`.
    pub(crate) fn value<T: Parse>(&self, what: &str) -> syn::Result<T> {
        let Attribute { name, form, .. } = self.attribute;
        if self.ends() {
            return Err(syn::Error::new(self.span, format!("`{name}` needs {what}, as in `{form}`")));
        }
        if !self.input.peek(Token![=]) || self.input.peek(Token![==]) {
            return Err(self.input.error(format!("expected `=` and {what}, as in `{form}`")));
        }
        self.input.parse::<Token![=]>()?;
        if self.ends() {
            return Err(syn::Error::new(self.span, format!("`{name}` needs {what}, as in `{form}`")));
        }
        self.input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), format!("`{name}` takes {what}, as in `{form}`")))
    }

    /// A value that is a string, and not an empty one.
    pub(crate) fn string(&self) -> syn::Result<LitStr> {
        let Attribute { name, form, .. } = self.attribute;
        match self.value("a string")? {
            Lit::Str(string) if string.value().is_empty() => {
                Err(syn::Error::new(string.span(), format!("`{name}` is empty, write for instance `{form}`")))
            }
            Lit::Str(string) => Ok(string),
            other => Err(syn::Error::new(other.span(), format!("`{name}` takes a string, as in `{form}`"))),
        }
    }

    /// A value that is one of these, and the variant of the runtime that it stands for; `what` says what they are.
    pub(crate) fn choice(&self, what: &str, choices: &[(&str, &str)]) -> syn::Result<Ident> {
        let names = choices.iter().map(|(name, _)| *name);
        let valid = format!("one of {}", names.clone().collect::<Vec<_>>().join(", "));
        let value: Ident = self.value(&valid)?;
        let given = value.to_string();
        if let Some((_, variant)) = choices.iter().find(|(name, _)| *name == given) {
            return Ok(Ident::new(variant, value.span()));
        }
        let hint = match nearest(&given, names) {
            Some(near) => format!(": did you mean `{near}`?"),
            None => String::new(),
        };
        let attribute = self.attribute.name;
        Err(syn::Error::new(
            value.span(),
            format!("unknown {what} `{given}`{hint}\n`{attribute}` takes {valid}"),
        ))
    }

    /// The names and values in the parentheses that follow; `take` gets each as [`read`] gives it.
    pub(crate) fn list(
        &self,
        place: &'static Place,
        mut take: impl FnMut(&Found<'_>) -> syn::Result<()>,
    ) -> syn::Result<()> {
        let content = self.parenthesized()?;
        let mut mistakes = Mistakes::default();
        read_list(&content, place, &mut mistakes, &mut Vec::new(), &mut take)?;
        mistakes.into_result()
    }

    /// The elements between the parentheses that follow, of which there is at least one.
    pub(crate) fn elements<T: Parse>(&self) -> syn::Result<Vec<T>> {
        let content = self.parenthesized()?;
        let elements = content.parse_terminated(T::parse, Token![,])?;
        if elements.is_empty() {
            return Err(self.misses_list());
        }
        Ok(elements.into_iter().collect())
    }

    fn parenthesized(&self) -> syn::Result<syn::parse::ParseBuffer<'_>> {
        if !self.input.peek(syn::token::Paren) {
            return Err(self.misses_list());
        }
        let content;
        syn::parenthesized!(content in self.input);
        Ok(content)
    }

    fn misses_list(&self) -> syn::Error {
        let Attribute { name, form, .. } = self.attribute;
        syn::Error::new(self.span, format!("`{name}` needs something in parentheses, as in `{form}`"))
    }

    fn ends(&self) -> bool {
        self.input.is_empty() || self.input.peek(Token![,])
    }
}

/// Reads all `#[pmap(...)]` among `attrs`; `take` gets each valid name once, and reads its value.
pub(crate) fn read(
    attrs: &[syn::Attribute],
    place: &'static Place,
    mistakes: &mut Mistakes,
    mut take: impl FnMut(&Found<'_>) -> syn::Result<()>,
) {
    let mut seen: Vec<&str> = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("pmap")) {
        let Meta::List(list) = &attr.meta else {
            mistakes.push_at(&attr.meta, format!("expected `#[pmap(...)]`\n{}", place.valid()));
            continue;
        };
        if list.tokens.is_empty() {
            mistakes.push_at(&attr.meta, format!("`#[pmap()]` is empty\n{}", place.valid()));
            continue;
        }
        let read = list.parse_args_with(|input: ParseStream<'_>| {
            read_list(input, place, mistakes, &mut seen, &mut take)
        });
        if let Err(error) = read {
            mistakes.add(error);
        }
    }
}

/// Reads what stands between parentheses.
fn read_list(
    input: ParseStream<'_>,
    place: &'static Place,
    mistakes: &mut Mistakes,
    seen: &mut Vec<&str>,
    take: &mut dyn FnMut(&Found<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    while !input.is_empty() {
        if let Err(error) = read_one(input, place, mistakes, seen, take) {
            mistakes.add(error);
            skip(input)?;
        }
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
        } else if !input.is_empty() {
            mistakes.add(input.error("expected `,` or the end"));
            if !input.peek(Ident::peek_any) {
                skip(input)?;
            }
        }
    }
    Ok(())
}

/// Reads one name and its value. After an error the input still stands before the name.
fn read_one(
    input: ParseStream<'_>,
    place: &'static Place,
    mistakes: &mut Mistakes,
    seen: &mut Vec<&str>,
    take: &mut dyn FnMut(&Found<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    let ahead = input.fork();
    let ident = ahead.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(error.span(), format!("expected the name of an attribute\n{}", place.valid()))
    })?;
    let name = ident.to_string();
    let attribute = match place.find(&name) {
        Some(attribute) if attribute.repeatable || !seen.contains(&attribute.name) => attribute,
        Some(_) => {
            let message = format!("`{name}` is given twice: {} has at most one", place.on);
            return Err(syn::Error::new(ident.span(), message));
        }
        None => {
            let unknown = syn::Error::new(ident.span(), place.unknown(&name));
            // Taken as what it probably means, so that nothing is reported as missing.
            match place.nearest(&name) {
                Some(near) if !seen.contains(&near.name) => {
                    mistakes.add(unknown);
                    near
                }
                _ => return Err(unknown),
            }
        }
    };
    seen.push(attribute.name);
    take(&Found { attribute, span: ident.span(), input: &ahead })?;
    input.advance_to(&ahead);
    Ok(())
}

/// Skips to the next comma that is not between `<` and `>`, or to the end.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    let mut depth = 0_usize;
    while !input.is_empty() {
        if input.peek(Token![,]) && depth == 0 {
            break;
        }
        if input.peek(Token![->]) {
            input.parse::<Token![->]>()?;
            continue;
        }
        if input.peek(Token![<]) {
            depth += 1;
        } else if input.peek(Token![>]) {
            depth = depth.saturating_sub(1);
        }
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}
