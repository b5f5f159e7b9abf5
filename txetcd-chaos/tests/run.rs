//! A short run: the clients of a cluster under faults, on each server.

use std::process::Command;

/// Seconds of faults on each server; `TXETCD_TEST_CHAOS` asks for more.
const SECONDS: u64 = 8;

#[test]
fn a_short_run_finds_nothing() {
    let seconds =
        std::env::var("TXETCD_TEST_CHAOS").map_or(SECONDS, |seconds| seconds.parse().expect("seconds"));
    let seed = std::env::var("TXETCD_TEST_SEED").unwrap_or_else(|_| "1".to_owned());
    let directory = tempfile::tempdir().unwrap();
    let listed = std::env::var("TXETCD_TEST_BINARIES").unwrap_or_else(|_| "the PATH=etcd".to_owned());
    for (name, binary) in listed.split(',').filter_map(|pair| pair.split_once('=')) {
        let history = directory.path().join(name);
        let mut run = Command::new(env!("CARGO_BIN_EXE_txetcd-chaos"));
        run.args([
            "run",
            "--longest",
            "2",
            "--seconds",
            &seconds.to_string(),
            "--seed",
            &seed,
            "--server",
            binary,
        ]);
        let done = run.arg("--history").arg(&history).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout);
        println!("{told}{}", String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "on etcd {name}, seed {seed}: {}", done.status);
        assert!(told.contains("strictly serializable: no anomaly"), "{told}");

        let check =
            Command::new(env!("CARGO_BIN_EXE_txetcd-chaos")).arg("check").arg(&history).output().unwrap();
        assert!(check.status.success(), "the written history is judged alike");
    }
}

#[test]
fn a_history_with_an_anomaly_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (history, svg) = (directory.path().join("history"), directory.path().join("svg"));
    let skew =
        include_str!("vectors/histories.jsonl").lines().find(|line| line.contains("hand-G2_write_skew"));
    let vector: serde_json::Value = serde_json::from_str(skew.expect("the vector")).unwrap();
    let lines = vector["history"].as_array().unwrap().iter().map(|transaction| format!("{transaction}\n"));
    std::fs::write(&history, lines.collect::<String>()).unwrap();
    let check = |history: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txetcd-chaos"));
        command.arg("check").arg(history).arg("--svg").arg(&svg).output().unwrap()
    };
    let found = check(&history);
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&found.stdout).starts_with("G2-item\n"));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
    // What cannot be decided is not taken for valid.
    for undecided in ["{}\n", ""] {
        std::fs::write(&history, undecided).unwrap();
        assert_eq!(check(&history).status.code(), Some(2), "{undecided:?}");
    }
}
