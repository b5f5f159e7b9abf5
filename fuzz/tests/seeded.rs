//! A little of each target on every run of the tests. In one test, since the memory that is measured is the program's.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use peak_alloc::PeakAlloc;
use txetcd_fuzz::{TARGETS, Target, drive};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn every_target_keeps_its_promises() {
    for target in &TARGETS {
        let summary = drive::drive(target, 300, 1, &MEMORY).unwrap();
        println!("{summary}");
        // Not all of them failed at the door.
        assert!(summary.accepted > 5, "{summary}");
    }
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let corpus = |name: &str| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let program = Command::new(env!("CARGO_BIN_EXE_txetcd-fuzz")).arg("corpus").arg(&directory).output();
        assert!(program.unwrap().status.success());
        directory
    };
    let [one, other] = ["one", "other"].map(corpus);
    for Target { name, .. } in &TARGETS {
        let inputs = |corpus: &Path| -> BTreeMap<_, _> {
            let files = std::fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path());
            files.map(|file| (file.file_name().unwrap().to_owned(), std::fs::read(&file).unwrap())).collect()
        };
        let (inputs, others) = (inputs(&one), inputs(&other));
        assert!(inputs.len() > 50, "{name}");
        assert!(inputs == others, "{name}");
    }
}

/// Each target can be run with `cargo fuzz`, and nothing else can.
#[test]
fn cargo_fuzz_has_every_target() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/libfuzzer");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
    let binaries = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let mut binaries: Vec<&str> = binaries.filter(|name| *name != "txetcd-libfuzzer").collect();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    binaries.sort_unstable();
    targets.sort_unstable();
    assert_eq!(binaries, targets);
    for name in targets {
        let program = std::fs::read_to_string(format!("{folder}/fuzz_targets/{name}.rs")).unwrap();
        assert!(program.contains(&format!("target(\"{name}\")")), "{program}");
    }
}
