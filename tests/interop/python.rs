//! Python in a virtual environment of its own.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// What Python itself has made, and by which versions.
pub(crate) fn vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> = LazyLock::new(|| {
        let vectors = include_str!("../../txetcd-core/tests/vectors/python_maps.json");
        serde_json::from_str(vectors).expect("JSON")
    });
    &VECTORS
}

/// The interpreter that has the packages of these versions; none, with a word why, where it cannot be had.
///
/// # Panics
/// If it cannot be had where it must be, in `cargo xtask test`.
pub(crate) fn interpreter() -> Option<PathBuf> {
    static INTERPRETER: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| environment(&vectors()["versions"]));
    match &*INTERPRETER {
        Ok(python) => Some(python.clone()),
        Err(reason) if env::var_os("TXETCD_TEST_SERVERS").is_some() => {
            panic!("the interop test needs Python and packages from PyPI: {reason}")
        }
        Err(reason) => {
            println!("the interop test is left out: {reason}");
            None
        }
    }
}

/// The running `answer.py`.
pub(crate) struct Python {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it on a namespace of a server.
    pub(crate) fn start(interpreter: &Path, url: &str, namespace: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/answer.py");
        let mut process = Command::new(interpreter)
            .arg(script)
            .args([url, namespace])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            panic!("both are pipes")
        };
        Self { process, questions, answers: BufReader::new(answers) }
    }

    /// Sends a line and waits for the answer.
    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions, "{question}").expect("Python runs");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("Python answers");
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no answer to {question}: see above"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The interpreter of the virtual environment, which is made if it is not in the cache folder yet.
fn environment(versions: &Value) -> Result<PathBuf, String> {
    let version =
        output(Command::new("python3").args(["-c", "import platform; print(platform.python_version())"]))
            .map_err(|error| {
                format!("there is no python3 ({error}); Debian has it in `python3` and `python3-venv`")
            })?;
    let of = |package: &str| versions[package].as_str().expect("a version").to_owned();
    let (zlmdb, cbor2) = (of("zlmdb"), of("cbor2"));
    let cache = cache().ok_or("no cache folder is known: set TXETCD_CACHE")?;
    let folder = cache.join(format!("python-{}-zlmdb-{zlmdb}-cbor2-{cbor2}", version.trim()));
    let python = folder.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    std::fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let partial = cache.join(format!(".partial-python-{}", std::process::id()));
    let made = make(&partial, &[format!("zlmdb=={zlmdb}"), format!("cbor2=={cbor2}"), "numpy".to_owned()]);
    // Another run may have been faster, and its folder is as good.
    let made = made.and_then(|()| match std::fs::rename(&partial, &folder) {
        Err(error) if !python.exists() => Err(format!("{}: {error}", folder.display())),
        _ => Ok(python),
    });
    let _ = std::fs::remove_dir_all(&partial);
    made
}

fn make(folder: &Path, packages: &[String]) -> Result<(), String> {
    println!("making a Python environment with {}", packages.join(", "));
    output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let python = folder.join("bin/python");
    output(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages),
    )?;
    Ok(())
}

/// What a program prints, or why it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// `$TXETCD_CACHE`, else `txetcd` in the user's cache folder, as for xtask.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("TXETCD_CACHE") {
        return std::path::absolute(folder).ok();
    }
    let caches = set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    Some(caches.or_else(|| set("HOME").map(|home| home.join(".cache")))?.join("txetcd"))
}
