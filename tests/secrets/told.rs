//! What people are told: by the log, by errors and by `Debug`. Whatever passes here must show no secret.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::util::SubscriberInitExt as _;
use txetcd::Error;

use crate::secret::found;

/// All that was logged in this process. The same line is there once: HTTP/2 says it ten thousand times.
#[derive(Default)]
struct Log {
    lines: HashSet<String>,
    unchecked: Vec<String>,
}

fn log() -> MutexGuard<'static, Log> {
    static LOG: LazyLock<Mutex<Log>> = LazyLock::new(Mutex::default);
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs spans and events of everyone at every level. Unlike `tracing_subscriber::fmt`, it does not repeat the fields of
/// the spans around an event, which would make all lines different.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        write(span.metadata(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("recorded:".to_owned());
        values.record(&mut line);
        line.end();
    }

    fn event(&self, event: &Event<'_>) {
        write(event.metadata(), |line| event.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn write(metadata: &Metadata<'_>, fields: impl FnOnce(&mut Line)) {
    let mut line = Line(format!("{} {} {}:", metadata.level(), metadata.target(), metadata.name()));
    fields(&mut line);
    line.end();
}

struct Line(String);

impl Line {
    fn end(self) {
        let mut log = log();
        if log.lines.insert(self.0.clone()) {
            log.unchecked.push(self.0);
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a string takes all");
    }
}

/// Listens from now on, also to what comes by the crate `log`, as from rustls.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| Listener.init());
}

fn is_logged(part: &str) -> bool {
    log().lines.iter().any(|line| line.contains(part))
}

/// Waits until something is logged.
pub(crate) async fn until_logged(part: &str) {
    for _ in 0..3_000 {
        if is_logged(part) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing says {part:?}");
}

/// The log shows no secret, and has these parts.
pub(crate) fn check_log(parts: &[&str]) {
    for part in parts {
        assert!(is_logged(part), "nothing says {part:?}");
    }
    let unchecked = std::mem::take(&mut log().unchecked);
    unchecked.iter().for_each(|line| check(line));
}

fn check(text: &str) {
    if let Some(form) = found(text) {
        panic!("a secret, as {form}, in: {text}");
    }
}

/// `Debug` shows no secret.
pub(crate) fn debug(value: &dyn Debug) -> String {
    let text = format!("{value:?} {value:#?}");
    check(&text);
    text
}

/// Neither an error nor what it comes of shows a secret, and its message has these parts.
pub(crate) fn error(error: &Error, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} in {error}");
    }
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(cause) = next {
        check(&format!("{cause} {cause:?} {cause:#?}"));
        next = cause.source();
    }
}
