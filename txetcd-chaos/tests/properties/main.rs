//! What the checker says of histories that are right by construction, and of the same ones after one thing in them
//! was made wrong.

mod serial;

use std::collections::BTreeSet;

use fastrand::Rng;
use txetcd_chaos::check::{Kind, Relation, Report, check};
use txetcd_chaos::history::{Op, Transaction};

const SEEDS: u64 = 300;

fn sound(seed: u64) -> Vec<Transaction> {
    let mut random = Rng::with_seed(seed);
    let (transactions, keys) = (random.u64(5..200), random.u64(1..8));
    serial::history(&mut random, transactions, keys)
}

fn kinds(report: &Report<'_>) -> BTreeSet<&'static str> {
    report.anomalies().iter().map(|anomaly| anomaly.kind.family()).collect()
}

/// Each cycle leads from step to step and back, and only what ended before something began is told to have done so.
fn cycles_hold(history: &[Transaction], report: &Report<'_>) {
    for anomaly in report.anomalies() {
        let Some(cycle) = &anomaly.cycle else { continue };
        assert!(cycle.0.len() > 1, "{report}");
        for (at, step) in cycle.0.iter().enumerate() {
            assert_eq!(step.to, cycle.0[(at + 1) % cycle.0.len()].from, "{report}");
            assert!(!step.because.is_empty(), "{report}");
            let (from, to) = (&history[step.from as usize], &history[step.to as usize]);
            assert!(step.relation != Relation::RealTime || from.end_ns < to.start_ns, "{report}");
        }
        let realtime = cycle.0.iter().any(|step| step.relation == Relation::RealTime);
        assert_eq!(anomaly.kind.is_realtime(), realtime, "{report}");
        let missed = cycle.0.iter().filter(|step| step.relation == Relation::ReadWrite).count();
        let expected = match anomaly.kind {
            Kind::G0 { .. } | Kind::G1c { .. } => missed == 0,
            Kind::GSingle { .. } => missed == 1,
            _ => missed > 1,
        };
        assert!(expected, "{report}");
    }
}

#[test]
fn serial_executions_are_valid() {
    for seed in 0..SEEDS {
        let history = sound(seed);
        let report = check(&history).unwrap();
        assert!(report.is_valid(), "seed {seed}: {report}");
    }
}

/// Changes something in many histories, and expects one of the anomalies in each that could be changed.
fn caught(change: impl Fn(&mut Rng, &mut Vec<Transaction>) -> bool, expected: &[&str]) {
    let mut changed = 0;
    for seed in 0..SEEDS {
        let mut history = sound(seed);
        if change(&mut Rng::with_seed(seed), &mut history) {
            changed += 1;
            let report = check(&history).unwrap();
            let found = kinds(&report);
            assert!(expected.iter().any(|kind| found.contains(kind)), "seed {seed}: {report}");
            cycles_hold(&history, &report);
        }
    }
    assert!(changed > SEEDS / 10, "only {changed} histories could be changed");
}

/// The lists of more than `least` elements that applied transactions read before they appended to the same key:
/// their places in the history and in the transaction.
fn lists(history: &[Transaction], least: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (at, transaction) in
        history.iter().enumerate().filter(|(_, transaction)| transaction.ok == Some(true))
    {
        for (number, op) in transaction.ops.iter().enumerate() {
            let Op::Read(key, Some(list)) = op else { continue };
            let others = transaction.ops.iter().enumerate().filter(|(other, _)| *other != number);
            let is_alone = others
                .map(|(_, op)| op)
                .all(|op| !matches!(op, Op::Read(k, _) | Op::Append(k, _) if k == key));
            if is_alone && list.len() > least {
                places.push((at, number));
            }
        }
    }
    places
}

fn list(history: &mut [Transaction], (at, number): (usize, usize)) -> (u64, &mut Vec<u64>) {
    match &mut history[at].ops[number] {
        Op::Read(key, Some(list)) => (*key, list),
        op => panic!("{op:?} is not a list"),
    }
}

fn writer(history: &[Transaction], key: u64, element: u64) -> usize {
    let has = |transaction: &Transaction| transaction.ops.contains(&Op::Append(key, element));
    history.iter().position(has).expect("a writer")
}

#[test]
fn an_element_nobody_appended() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        list(history, place).1.push(u64::MAX);
        true
    };
    caught(change, &["garbage-read"]);
}

#[test]
fn an_element_read_twice() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let (_, list) = list(history, place);
        list.push(list[0]);
        true
    };
    caught(change, &["duplicate-elements"]);
}

#[test]
fn lists_that_contradict_each_other() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let places = lists(history, 1);
        let keys: Vec<_> = places.iter().map(|place| list(history, *place).0).collect();
        let is_twice = |at: &usize| keys.iter().filter(|key| **key == keys[*at]).count() > 1;
        let Some(at) = random.choice((0..places.len()).filter(is_twice).collect::<Vec<_>>()) else {
            return false;
        };
        list(history, places[at]).1.swap(0, 1);
        true
    };
    caught(change, &["incompatible-order"]);
}

#[test]
fn a_writer_that_is_said_to_have_failed() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let (key, list) = list(history, place);
        let element = list[random.usize(..list.len())];
        let writer = writer(history, key, element);
        history[writer].ok = Some(false);
        true
    };
    caught(change, &["G1a"]);
}

#[test]
fn a_read_in_the_middle_of_a_transaction() {
    let change = |_: &mut Rng, history: &mut Vec<Transaction>| {
        for place in lists(history, 1) {
            let (key, read) = list(history, place);
            let [.., before, last] = read[..] else { continue };
            if writer(history, key, before) == writer(history, key, last) {
                list(history, place).1.pop();
                return true;
            }
        }
        false
    };
    caught(change, &["G1b"]);
}

#[test]
fn an_acknowledged_write_that_is_lost() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let (end, start) = (history[place.0].end_ns, history[place.0].start_ns);
        let (key, read) = list(history, place);
        let element = read[random.usize(..read.len())];
        let writer = writer(history, key, element);
        if history[writer].ok != Some(true) || history[writer].end_ns >= start {
            return false;
        }
        assert!(end > start);
        for transaction in history.iter_mut() {
            for op in &mut transaction.ops {
                if let Op::Read(read, Some(list)) = op
                    && *read == key
                {
                    list.retain(|other| *other != element);
                }
            }
        }
        true
    };
    // Unless the lost one appended to other keys or read as well, this shows only in real time.
    caught(change, &["G-single-item", "G0", "G1c", "internal"]);
}

#[test]
fn a_read_of_an_old_state() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let start = history[place.0].start_ns;
        let (key, read) = list(history, place);
        let (last, mut older) = (*read.last().expect("an element"), read.clone());
        let writer = writer(history, key, last);
        if history[writer].end_ns >= start || history[writer].ok != Some(true) {
            return false;
        }
        while older.last().is_some_and(|last| self::writer(history, key, *last) == writer) {
            older.pop();
        }
        *list(history, place).1 = older;
        true
    };
    caught(change, &["G-single-item"]);
}

#[test]
fn a_second_read_that_differs_from_the_first() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let (key, read) = list(history, place);
        let mut shorter = read.clone();
        shorter.pop();
        history[place.0].ops.push(Op::Read(key, Some(shorter)));
        true
    };
    caught(change, &["internal"]);
}

#[test]
fn a_read_of_what_is_appended_later() {
    let change = |random: &mut Rng, history: &mut Vec<Transaction>| {
        let Some(place) = random.choice(lists(history, 0)) else { return false };
        let (key, read) = list(history, place);
        read.push(u64::MAX);
        history[place.0].ops.push(Op::Append(key, u64::MAX));
        true
    };
    caught(change, &["future-read"]);
}

/// Two transactions at the same time, which both read the state before them, and what they appended.
fn race(first: [Op; 2], second: [Op; 2], after: &[Op]) -> Vec<Transaction> {
    let transaction = |index: u64, start_ns, ops: &[Op]| Transaction {
        process: index,
        index,
        start_ns,
        end_ns: start_ns + 5,
        ok: Some(true),
        ops: ops.to_vec(),
    };
    vec![transaction(0, 0, &first), transaction(1, 0, &second), transaction(2, 10, after)]
}

#[test]
fn an_update_that_is_lost() {
    let update = |element| [Op::Read(1, None), Op::Append(1, element)];
    let history = race(update(1), update(2), &[Op::Read(1, Some(vec![2]))]);
    let report = check(&history).unwrap();
    assert!(kinds(&report).contains("lost-update"), "{report}");
    cycles_hold(&history, &report);
}

#[test]
fn write_skew() {
    let first = [Op::Read(1, None), Op::Append(2, 1)];
    let second = [Op::Read(2, None), Op::Append(1, 1)];
    let history = race(first, second, &[Op::Read(1, Some(vec![1])), Op::Read(2, Some(vec![1]))]);
    let report = check(&history).unwrap();
    assert_eq!(kinds(&report), BTreeSet::from(["G2-item"]), "{report}");
    let text = report.to_string();
    assert!(text.contains("|  rw: 0 did not see 1, which 1 appended to key 1"), "{text}");
    let svg = report.svg().expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains("G2-item") && svg.contains("0 did not see 1"), "{svg}");
}

/// Applied transactions of these times and operations.
fn applied(transactions: &[((i64, i64), &[Op])]) -> Vec<Transaction> {
    let applied = |(index, ((start_ns, end_ns), ops)): (u64, &((i64, i64), &[Op]))| {
        let (start_ns, end_ns, ops) = (*start_ns, *end_ns, ops.to_vec());
        Transaction { process: index, index, start_ns, end_ns, ok: Some(true), ops }
    };
    (0..).zip(transactions).map(applied).collect()
}

fn names(history: &[Transaction]) -> Vec<String> {
    let report = check(history).unwrap();
    cycles_hold(history, &report);
    report.anomalies().iter().map(|anomaly| anomaly.kind.to_string()).collect()
}

fn list_of(key: u64, elements: &[u64]) -> Op {
    Op::Read(key, Some(elements.to_vec()))
}

#[test]
fn what_failed_does_not_hide_who_came_before_and_after_it() {
    let during = (0, 10);
    let mut history = applied(&[
        (during, &[Op::Append(1, 1), Op::Append(2, 2)]),
        (during, &[Op::Append(1, 3)]),
        (during, &[Op::Append(1, 2), Op::Append(2, 1)]),
        ((20, 30), &[list_of(1, &[1, 3, 2]), list_of(2, &[1, 2])]),
    ]);
    history[1].ok = Some(false);
    assert_eq!(names(&history), ["G1a", "dirty-update", "G0"]);
}

#[test]
fn a_detour_is_not_a_cycle() {
    // 0 and 1 make a cycle of data, 1 and 2 one of real time; no cycle has all of them.
    let history = applied(&[
        ((0, 20), &[Op::Append(1, 1), Op::Append(2, 2)]),
        ((10, 20), &[list_of(1, &[1]), Op::Append(2, 1), Op::Append(3, 1)]),
        ((0, 1), &[Op::Append(3, 2)]),
        ((30, 40), &[list_of(1, &[1]), list_of(2, &[1, 2]), list_of(3, &[1, 2])]),
    ]);
    assert_eq!(names(&history), ["G0-realtime", "G1c"]);
}

#[test]
fn a_fork_is_told_apart_from_a_smaller_cycle() {
    let during = (0, 10);
    let none = |key| Op::Read(key, None);
    let history = applied(&[
        // Two writers, and two readers that see them in different orders.
        (during, &[Op::Append(1, 1), none(3), Op::Append(5, 1)]),
        (during, &[Op::Append(2, 1)]),
        (during, &[list_of(1, &[1]), none(2)]),
        (during, &[list_of(2, &[1]), none(1)]),
        // A smaller cycle through the first, whose two missed writes follow each other.
        (during, &[Op::Append(3, 1), Op::Append(4, 1)]),
        (during, &[list_of(4, &[1]), none(5)]),
    ]);
    assert_eq!(names(&history), ["G-nonadjacent-item", "G2-item"]);
}

#[test]
fn what_is_not_a_history_is_not_decided() {
    let mut history = race([Op::Append(1, 1), Op::Append(1, 2)], [Op::Append(1, 2), Op::Append(2, 1)], &[]);
    assert_eq!(
        check(&history).unwrap_err().to_string(),
        "could not decide: 2 was appended to key 1 more than once"
    );
    history.remove(1);
    assert!(check(&history).unwrap().is_valid());
    history[0].end_ns = -1;
    assert_eq!(
        check(&history).unwrap_err().to_string(),
        "could not decide: transaction 0 ended before it began"
    );
}

#[test]
fn a_long_cycle_does_not_exhaust_the_stack() {
    // Each sees what the one before appended, and the first what the last did.
    let count = 20_000;
    let transaction = |index: u64| {
        let read = Some(vec![(index + count - 1) % count]);
        let ops = vec![Op::Read(index, read), Op::Append((index + 1) % count, index)];
        Transaction { process: index, index, start_ns: 0, end_ns: 1, ok: Some(true), ops }
    };
    let history: Vec<_> = (0..count).map(transaction).collect();
    let report = check(&history).unwrap();
    assert_eq!(kinds(&report), BTreeSet::from(["G1c"]));
    assert_eq!(report.anomalies()[0].cycle.as_ref().unwrap().0.len(), 20_000);
}
