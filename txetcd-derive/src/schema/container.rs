//! The attributes of the struct or enum itself.

use proc_macro2::Span;
use syn::{DeriveInput, Ident, Lit, LitStr, Path, Type, parse_quote};

use super::attribute::{Attribute, Found, Place, read};
use super::index::Written;
use super::mistakes::Mistakes;
use super::receiver::Receiver;

/// What `#[pmap(...)]` may say on a struct.
pub(crate) static STRUCT: Place = Place { on: "a struct", takes: &TAKES };

/// What `#[pmap(...)]` may say on an enum.
static ENUM: Place = Place { on: "an enum", takes: &TAKES };

static TAKES: [Attribute; 12] = [
    Attribute::once("slot", "slot = 1"),
    Attribute::once("oid", "oid = \"6ba7b810-...\""),
    Attribute::once("key", "key = Type"),
    Attribute::once("codec", "codec = Type"),
    Attribute::once("compress", "compress = zlib"),
    Attribute::once("name", "name = \"users\""),
    Attribute::once("version", "version = 2"),
    Attribute::once("from", "from = OlderType"),
    Attribute::once("keep_unknown", "keep_unknown"),
    Attribute::once("cached", "cached"),
    Attribute::repeatable("index", "index(name = by_team_role, slot = 2, fields(team, role))"),
    Attribute::once("crate", "crate = \"path\""),
];

/// The compressions: what the user writes, and the variant it stands for.
const COMPRESSIONS: [(&str, &str); 4] =
    [("zlib", "Zlib"), ("snappy", "Snappy"), ("zstd", "Zstd"), ("lz4", "Lz4")];

/// The attributes of the struct or enum, checked one by one.
pub(crate) struct Container {
    /// The slot or the id; the inner `None` is one that was given and is wrong.
    pub(crate) place: Option<Option<TablePlace>>,
    /// The key type; the inner `None` is one that was given and is wrong.
    pub(crate) key: Option<Option<Type>>,
    /// The codec.
    pub(crate) codec: Option<Type>,
    /// The variant of `Compression`.
    pub(crate) compression: Ident,
    /// The table's name.
    pub(crate) name: String,
    /// The version of the declaration, and where it was given.
    pub(crate) version: Option<(u32, Span)>,
    /// The type that was the older version.
    pub(crate) from: Option<Type>,
    /// Whether unknown fields are kept.
    pub(crate) keep_unknown: bool,
    pub(crate) cached: bool,
    /// The indexes.
    pub(super) indexes: Vec<Written>,
    /// The path of the facade.
    pub(crate) facade: Path,
}

impl Container {
    /// Reads the attributes of `input`.
    pub(crate) fn parse(input: &DeriveInput, receiver: &Receiver, mistakes: &mut Mistakes) -> Self {
        let mut this = Self {
            place: None,
            key: None,
            codec: None,
            compression: Ident::new("None", proc_macro2::Span::call_site()),
            name: syn::ext::IdentExt::unraw(&input.ident).to_string(),
            version: None,
            from: None,
            keep_unknown: false,
            cached: false,
            indexes: Vec::new(),
            facade: parse_quote!(::txetcd),
        };
        let place = if matches!(input.data, syn::Data::Enum(_)) { &ENUM } else { &STRUCT };
        read(&input.attrs, place, mistakes, |found| this.take(found, receiver));
        match (&this.version, &this.from) {
            (Some((2.., span)), None) => mistakes.push(
                *span,
                "`version` without `from`: name the type that was the version before, as in `from = UserV1`",
            ),
            (None | Some((1, _)), Some(from)) => mistakes
                .push_at(from, "`from` without `version`: say which version this is, as in `version = 2`"),
            _ => {}
        }
        this
    }

    fn take(&mut self, found: &Found<'_>, receiver: &Receiver) -> syn::Result<()> {
        match found.attribute.name {
            "slot" | "oid" => {
                let first = self.place.is_none();
                self.place = Some(self.place.take().flatten());
                let place = if found.attribute.name == "slot" {
                    TablePlace::Slot(slot(found)?)
                } else {
                    TablePlace::Oid(oid(found)?)
                };
                if !first {
                    return Err(syn::Error::new(
                        found.span,
                        "both `slot` and `oid`: a table has a fixed slot, or one that the catalogue has for its id; remove one of them",
                    ));
                }
                self.place = Some(Some(place));
            }
            "key" => {
                self.key = Some(None);
                self.key = Some(Some(receiver.resolve_type(&found.value("a type")?)));
            }
            "codec" => self.codec = Some(receiver.resolve_type(&found.value("a type")?)),
            "compress" => self.compression = found.choice("compression", &COMPRESSIONS)?,
            "name" => self.name = found.string()?.value(),
            "version" => self.version = Some((version(found)?, found.span)),
            "from" => {
                self.from = Some(receiver.resolve_type(&found.value("the type that was the older version")?))
            }
            "keep_unknown" => {
                self.keep_unknown = true;
                found.flag()?;
            }
            "cached" => {
                self.cached = true;
                found.flag()?;
            }
            "index" => self.indexes.push(Written::of_table(found, receiver)?),
            "crate" => self.facade = facade(&found.string()?)?,
            _ => return Err(syn::Error::new(found.span, "this attribute has no meaning here")),
        }
        Ok(())
    }
}

/// Where the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TablePlace {
    /// In this slot.
    Slot(u16),
    /// In the slot that the catalogue has for this id.
    Oid(u128),
}

fn oid(found: &Found<'_>) -> syn::Result<u128> {
    let string = found.string()?;
    let text = string.value();
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    let is_uuid = digits.len() == 32
        && dashes == [8, 13, 18, 23]
        && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    match u128::from_str_radix(&digits, 16) {
        Ok(oid) if is_uuid => Ok(oid),
        _ => Err(syn::Error::new(
            string.span(),
            format!(
                "`{text}` is not a uuid: make one up for this table and keep it, as in `oid = \"6ba7b810-9dad-41d1-80b4-00c04fd430c8\"`"
            ),
        )),
    }
}

pub(super) fn slot(found: &Found<'_>) -> syn::Result<u16> {
    const RANGE: &str = "a slot is a number from 1 to 65534";
    let value: Lit = found.value("a number from 1 to 65534")?;
    let refuse = |message: String| Err(syn::Error::new(value.span(), message));
    let Lit::Int(number) = &value else {
        return refuse(format!("`slot` takes a number, as in `slot = 1`: {RANGE}"));
    };
    match number.base10_parse::<u16>() {
        Ok(0) => refuse(format!("slot 0 is the catalogue's: {RANGE}")),
        Ok(u16::MAX) => refuse(format!("slot 65535 is the library's own: {RANGE}")),
        Ok(slot) => Ok(slot),
        Err(_) => refuse(format!("slot {} is out of range: {RANGE}", number.base10_digits())),
    }
}

fn version(found: &Found<'_>) -> syn::Result<u32> {
    let value: Lit = found.value("a number")?;
    let number = if let Lit::Int(number) = &value { number.base10_parse::<u32>().ok() } else { None };
    number.filter(|number| *number > 0).ok_or_else(|| {
        syn::Error::new(value.span(), "`version` takes a number from 1 up, as in `version = 2`")
    })
}

pub(super) fn facade(string: &LitStr) -> syn::Result<Path> {
    string.parse_with(Path::parse_mod_style).map_err(|_| {
        syn::Error::new(
            string.span(),
            format!(
                "`{}` is not a path: `crate` takes the path under which this program sees the crate txetcd, as in `crate = \"my_crate::txetcd\"`",
                string.value()
            ),
        )
    })
}
