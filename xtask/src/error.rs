//! The one error type of this package: a text for people, and the exit code that goes with it.

use std::{fmt, io, path::Path, process::ExitCode};

/// What every fallible function here returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Error {
    /// Something outside failed; the text says what and, where known, the remedy.
    Failed(String),
    /// The command line was not understood; the text ends with the usage.
    Usage(String),
    /// Ctrl-C, SIGTERM or SIGHUP.
    Stopped,
}

impl Error {
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// For `map_err`: says what was being done to which file.
    pub(crate) fn io<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| Self::Failed(format!("{doing} {}: {error}", path.display()))
    }

    /// The exit code of the whole program.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Stopped => 130,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Usage(text) => f.write_str(text.trim_end()),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
