//! Deriving apt sources for another Debian suite from those that the machine has.
//!
//! Both of apt's formats are read (sources.list(5)): lines, and stanzas of fields. What the derived
//! stanzas keep is the address, the keys and whatever else concerns the mirror.

use std::{fs, path::PathBuf};

/// Names under which the main archive's suites are known. A source of one of these with the component
/// `main` is taken for a Debian mirror; one of somebody else has no other suite, and apt says so.
const SUITES: [&str; 13] = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
    "experimental",
];

/// Fields that a derived stanza has of its own, or that concern what is left out.
const OWN: [&str; 9] =
    ["types", "uris", "suites", "components", "architectures", "targets", "languages", "pdiffs", "enabled"];

/// The format of a file of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `*.list`
    Lines,
    /// `*.sources`
    Stanzas,
}

/// The files of sources that the machine has. `places` is what `apt-config shell` printed: the list as
/// LIST='...' and the folder of further files as PARTS='...'.
pub(super) fn configured(places: &str) -> Vec<(Format, String)> {
    let place = |name: &str| {
        let value = places.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(PathBuf::from(value.trim_matches('\'')))
    };
    let mut files: Vec<PathBuf> = place("LIST").into_iter().collect();
    if let Some(Ok(folder)) = place("PARTS").map(fs::read_dir) {
        let mut parts: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
        parts.sort();
        files.extend(parts);
    }
    files
        .into_iter()
        .filter_map(|file| {
            let format = match file.extension()?.to_str()? {
                "list" => Format::Lines,
                "sources" => Format::Stanzas,
                _ => return None,
            };
            Some((format, fs::read_to_string(file).ok()?))
        })
        .collect()
}

/// Stanzas for `suite` and one architecture, from the given files; none if no file has a Debian mirror.
pub(super) fn derive(files: &[(Format, String)], suite: &str, arch: &str) -> Option<String> {
    let mut derived: Vec<String> = Vec::new();
    for (format, text) in files {
        let stanzas = match format {
            Format::Lines => text.lines().filter_map(from_line).collect(),
            Format::Stanzas => from_stanzas(text),
        };
        for stanza in stanzas.iter().filter(|stanza| stanza.is_debian()) {
            let text = stanza.rewritten(suite, arch);
            if !derived.contains(&text) {
                derived.push(text);
            }
        }
    }
    (!derived.is_empty()).then(|| derived.join("\n"))
}

/// The fields of one source: names in lower case, values as they stand, with their line breaks.
#[derive(Debug, Default)]
struct Stanza(Vec<(String, String)>);

impl Stanza {
    fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        let value = self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value);
        value.split_whitespace()
    }

    fn is_debian(&self) -> bool {
        self.words("types").any(|kind| kind == "deb")
            && self.words("suites").any(|suite| SUITES.contains(&suite))
            && self.words("components").any(|component| component == "main")
            && !self.words("enabled").any(|word| ["no", "false", "0", "off", "without"].contains(&word))
    }

    fn rewritten(&self, suite: &str, arch: &str) -> String {
        let uris: Vec<&str> = self.words("uris").collect();
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nArchitectures: {arch}\nTargets: Packages\n",
            uris.join(" ")
        );
        for (name, value) in &self.0 {
            if !OWN.contains(&name.as_str()) && !name.starts_with("x-") {
                text += &format!("{name}: {value}\n");
            }
        }
        text
    }
}

/// Reads `deb [option=value ...] uri suite component...`.
fn from_line(line: &str) -> Option<Stanza> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let mut fields = vec![
        ("types".to_owned(), "deb".to_owned()),
        ("uris".to_owned(), words.next()?.to_owned()),
        ("suites".to_owned(), words.next()?.to_owned()),
        ("components".to_owned(), words.collect::<Vec<_>>().join(" ")),
    ];
    for option in options.split_whitespace() {
        let (name, value) = option.split_once('=')?;
        let name = match name.trim_end_matches(['+', '-']).to_ascii_lowercase().as_str() {
            "arch" => "architectures".to_owned(),
            "lang" => "languages".to_owned(),
            "target" => "targets".to_owned(),
            other => other.to_owned(),
        };
        fields.push((name, value.replace(',', " ")));
    }
    Some(Stanza(fields))
}

/// Reads stanzas of `Name: value` fields; a value goes on in lines that begin with a blank.
fn from_stanzas(text: &str) -> Vec<Stanza> {
    let mut stanzas = vec![Stanza::default()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(stanza) = stanzas.last_mut() else { break };
        if line.trim().is_empty() {
            stanzas.push(Stanza::default());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.0.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.0.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    stanzas
}

#[cfg(test)]
mod tests {
    use super::{Format, derive};

    fn from(format: Format, text: &str) -> Option<String> {
        derive(&[(format, text.to_owned())], "sid", "amd64")
    }

    #[test]
    fn a_stanza_keeps_its_mirror_and_keys() {
        let text = "\
# the archive
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
# who signs
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
";
        let expected = "\
Types: deb
URIs: http://mirror.example/debian
Suites: sid
Components: main
Architectures: amd64
Targets: Packages
signed-by: /usr/share/keyrings/debian-archive-keyring.gpg
";
        assert_eq!(from(Format::Stanzas, text).as_deref(), Some(expected));
    }

    #[test]
    fn a_key_within_the_stanza_is_kept_whole() {
        let text = "Types: deb\nURIs: http://m.example/debian\nSuites: stable\nComponents: main\nSigned-By:\n \
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let derived = from(Format::Stanzas, text).unwrap();
        assert!(
            derived.contains("signed-by: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n"),
            "{derived}"
        );
    }

    #[test]
    fn lines_are_read_with_their_options() {
        let text = "\
# deb http://old.example/debian bookworm main
deb [arch=amd64,arm64 signed-by=/k.gpg,/l.gpg] http://mirror.example/debian trixie main contrib # the archive
deb-src http://mirror.example/debian trixie main
deb http://mirror.example/debian trixie-updates main
deb [ trusted=yes ] mirror+file:/etc/apt/mirrors.list stable main
";
        let expected = "\
Types: deb
URIs: http://mirror.example/debian
Suites: sid
Components: main
Architectures: amd64
Targets: Packages
signed-by: /k.gpg /l.gpg

Types: deb
URIs: mirror+file:/etc/apt/mirrors.list
Suites: sid
Components: main
Architectures: amd64
Targets: Packages
trusted: yes
";
        assert_eq!(from(Format::Lines, text).as_deref(), Some(expected));
    }

    #[test]
    fn the_same_mirror_counts_once() {
        let text = "deb http://m.example/debian bookworm main\ndeb http://m.example/debian stable main\n";
        assert_eq!(from(Format::Lines, text).unwrap().matches("Types").count(), 1);
    }

    #[test]
    fn other_sources_give_nothing() {
        for line in [
            "",
            "deb",
            "debris http://m.example/debian bookworm main",
            "deb http://m.example/ubuntu noble main universe",
            "deb http://m.example/debian bookworm contrib",
            "deb http://m.example/debian bookworm-backports main",
            "deb [broken http://m.example/debian bookworm main",
        ] {
            assert_eq!(from(Format::Lines, line), None, "{line}");
        }
        let off = "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\nEnabled: no\n";
        assert_eq!(from(Format::Stanzas, off), None);
    }
}
