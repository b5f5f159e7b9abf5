//! Teeth: some planted bugs are found. Building the program that has them takes minutes, so it is done when asked for with
//! `TXETCD_TEST_TEETH`, and all of them are looked for by `txetcd-chaos -- teeth`.

use txetcd_chaos::teeth::{Bug, LIMIT, build};

const SOME: [Bug; 5] =
    [Bug::OnlyWrittenGuarded, Bug::NoFence, Bug::LostIsNotApplied, Bug::CacheMovesOn, Bug::FragmentIsWhole];

#[test]
fn planted_bugs_are_found() {
    if std::env::var_os("TXETCD_TEST_TEETH").is_none() {
        eprintln!("left out: it is run with TXETCD_TEST_TEETH=1");
        return;
    }
    let build = build().unwrap();
    let hunts: Vec<_> = SOME.into_iter().map(|bug| build.hunt(bug, LIMIT).unwrap()).collect();
    for hunt in &hunts {
        assert!(hunt.found.is_some(), "{hunt}");
    }
    build.is_clean(&hunts).unwrap();
}
