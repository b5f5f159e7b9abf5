//! An etcd version, as in `3.5.30` or `3.6.0-rc.1`.

use std::{cmp::Ordering, fmt};

/// Ordered as releases are: a release candidate comes before its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
    /// What follows the three numbers, as in `rc.1`; empty for a release.
    pre: String,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, pre: String::new() }
    }

    /// Reads `3.5.30`, `v3.5.30` or `3.6.0-rc.1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        if pre.contains(|c: char| !c.is_ascii_alphanumeric() && !".-+".contains(c)) {
            return None;
        }
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        let version =
            Self { pre: pre.to_owned(), ..Self::new(parts.next()??, parts.next()??, parts.next()??) };
        parts.next().is_none().then_some(version)
    }

    /// Reads what `etcd --version` prints.
    pub(crate) fn from_etcd(output: &str) -> Option<Self> {
        output.lines().find_map(|line| line.strip_prefix("etcd Version:")).and_then(Self::parse)
    }

    /// Reads the version of a Debian package: `3.4.23-4+b4` is 3.4.23.
    pub(crate) fn from_debian(text: &str) -> Option<Self> {
        let text = text.split_once(':').map_or(text, |(_epoch, rest)| rest);
        let upstream = text.rsplit_once('-').map_or(text, |(upstream, _revision)| upstream);
        Self::parse(upstream.split(['+', '~']).next()?)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |version: &Self| (version.major, version.minor, version.patch, version.pre.is_empty());
        key(self).cmp(&key(other)).then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.pre.is_empty() { Ok(()) } else { write!(f, "-{}", self.pre) }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_printed() {
        for text in ["3.4.23", "3.10.0", "3.6.0-rc.1"] {
            assert_eq!(Version::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Version::parse("v3.7.1"), Some(Version::new(3, 7, 1)));
        for text in ["", "3", "3.4", "3.4.x", "3.4.5.6", "a.b.c", "3.4.5-a,b=c"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let read = |text| Version::parse(text).unwrap();
        assert!(read("3.10.0") > read("3.9.9"));
        assert!(read("3.4.23") > read("3.4.9"));
        assert!(read("3.6.0-rc.1") < read("3.6.0"));
        assert!(read("3.6.0-rc.1") > read("3.5.99"));
    }

    #[test]
    fn the_output_of_etcd_is_understood() {
        let output = "etcd Version: 3.5.30\nGit SHA: Not provided\nGo Version: go1.24.4\n";
        assert_eq!(Version::from_etcd(output), Some(Version::new(3, 5, 30)));
        assert_eq!(Version::from_etcd("etcdctl version: 3.5.30"), None);
    }

    #[test]
    fn versions_of_debian_packages_are_understood() {
        for (text, version) in [
            ("3.4.23-4+b4", Version::new(3, 4, 23)),
            ("3.5.30-2", Version::new(3, 5, 30)),
            ("1:3.5.16+dfsg-1~deb13u1", Version::new(3, 5, 16)),
            ("3.4.30", Version::new(3, 4, 30)),
        ] {
            assert_eq!(Version::from_debian(text), Some(version), "{text}");
        }
        assert_eq!(Version::from_debian("20240101-1"), None);
    }
}
