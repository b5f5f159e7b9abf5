//! The histories of `txetcd-chaos`: what is read can be written and read again, and any history is judged.

use fastrand::Rng;
use txetcd_chaos::check::check;
use txetcd_chaos::history::{Op, Transaction, read, write};

use crate::Target;

pub(super) const HISTORY: Target = Target { name: "history", memory: 16 << 20, valid, run };

fn valid(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0..rng.u64(1..6) {
        let key = rng.u64(0..3);
        let list = || Some((0..index).collect());
        let read = if rng.bool() { list() } else { None };
        let ops = vec![Op::Append(key, index), Op::Read(rng.u64(0..3), read)];
        let start_ns = rng.i64(0..100);
        let ok = *rng.choice(&[Some(true), Some(false), None]).unwrap_or(&None);
        let end_ns = start_ns + rng.i64(0..100);
        let transaction = Transaction { process: rng.u64(0..3), index, start_ns, end_ns, ok, ops };
        write(&mut bytes, &transaction).expect("writes");
    }
    bytes
}

fn run(bytes: &[u8]) -> bool {
    let Ok(history) = read(bytes) else { return false };
    let mut written = Vec::new();
    history.iter().for_each(|transaction| write(&mut written, transaction).expect("writes"));
    assert_eq!(read(&*written).expect("its own lines"), history);
    if let Ok(report) = check(&history) {
        assert_eq!(report.svg().is_none(), report.anomalies().iter().all(|anomaly| anomaly.cycle.is_none()));
        let _ = report.to_string();
    }
    true
}
