//! A disk that is really full: what was acknowledged stays, and once there is room again it goes on.
//!
//! The disk is a small file system in memory, which only a process of the test's own sees and which goes with
//! it. Where such a one cannot be mounted, the test says so and does nothing.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use etcd_client::GetOptions;
use support::{client, refusal};
use tonic::Code;
use txetcd_embedded::Store;

/// `unshare` gives the process its own view of what is mounted, for which it need not be root.
fn with_own_mounts(directory: &Path, program: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=8m tmpfs \"$0\" && exec \"$@\"");
    command.arg(directory).args(program).env("TXETCD_TEST_CHILD", directory);
    command
}

#[test]
fn a_full_disk_loses_nothing_and_may_be_cleared() {
    let directory = tempfile::tempdir().unwrap();
    match with_own_mounts(directory.path(), &["true"]).output() {
        Ok(output) if output.status.success() => {}
        other => return println!("not run: no file system can be mounted here: {other:?}"),
    }
    let program = std::env::current_exe().unwrap();
    let arguments = ["fill_the_disk_in_a_child", "--exact", "--nocapture", "--include-ignored"];
    let child = with_own_mounts(directory.path(), &[&[program.to_str().unwrap()], &arguments[..]].concat());
    let output = { child }.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("filled"), "{output:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn fill_the_disk_in_a_child() {
    let Some(disk) = std::env::var_os("TXETCD_TEST_CHILD") else { return };
    let disk = Path::new(&disk);
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let path = disk.join("store");
    let store = Store::open(&path).unwrap();
    let mut writer = client(&store).await;
    let mut acknowledged = 0;
    let (code, message) = loop {
        match writer.put(format!("key {acknowledged:04}"), vec![1; 20_000], None).await {
            Ok(_) => acknowledged += 1,
            error => break refusal(error),
        }
    };
    println!("filled by {acknowledged}: {message}");
    assert!(acknowledged > 10);
    assert_eq!(code, Code::Unavailable);
    assert!(message.contains("may or may not be stored") && message.contains("No space left"), "{message}");
    assert_eq!(refusal(writer.put("later", "", None).await).0, Code::FailedPrecondition);
    assert_eq!(writer.get("key 0000", None).await.unwrap().count(), 1);
    drop((writer, store));

    // It may not open as long as there is no room at all, but it is not taken for damaged.
    match Store::open(&path) {
        Ok(store) => check(&store, acknowledged).await,
        Err(error) => {
            println!("{error}");
            assert!(!error.is_corrupt() && error.to_string().contains("No space left"), "{error}");
        }
    }
    fs::remove_file(ballast).unwrap();
    let store = Store::open(&path).unwrap();
    check(&store, acknowledged).await;
    client(&store).await.put("later", vec![1; 20_000], None).await.unwrap();
}

async fn check(store: &Store, acknowledged: i64) {
    let options = GetOptions::new().with_prefix().with_count_only();
    let count = client(store).await.get("key", Some(options)).await.unwrap().count();
    assert!(count == acknowledged || count == acknowledged + 1, "{count} of {acknowledged}");
}
