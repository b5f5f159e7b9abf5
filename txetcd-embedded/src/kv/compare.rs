//! Compares: the guards of a transaction.

use std::cmp::Ordering;

use crate::failure::Failure;
use crate::key_range::KeyRange;
use crate::proto::{Compare, TargetUnion};
use crate::storage::read;
use crate::storage::record::Record;
use crate::storage::tables::Tables;

/// The values of `CompareTarget` and `CompareResult` in the protocol.
const VERSION: i32 = 0;
const CREATE: i32 = 1;
const MOD: i32 = 2;
const VALUE: i32 = 3;
const LEASE: i32 = 4;
const EQUAL: i32 = 0;
const GREATER: i32 = 1;
const LESS: i32 = 2;
const NOT_EQUAL: i32 = 3;

/// What an absent key compares as.
const ABSENT: Record<'static> = Record { create: 0, modified: 0, version: 0, lease: 0, value: &[] };

/// Whether all of `compares` hold on `tables`.
pub(crate) fn all_hold(tables: &impl Tables, compares: &[Compare]) -> Result<bool, Failure> {
    for compare in compares {
        if !holds(tables, compare)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether every key of the compare's range satisfies it. With no key there, numbers compare as 0, and a
/// value never compares.
fn holds(tables: &impl Tables, compare: &Compare) -> Result<bool, Failure> {
    let keys = KeyRange::new(&compare.key, &compare.range_end);
    let mut empty = true;
    let mut all = true;
    read::scan(tables, keys, tables.revision(), |_, record| {
        empty = false;
        all = satisfies(compare, &record);
        all
    })?;
    if empty {
        return Ok(compare.target != VALUE && satisfies(compare, &ABSENT));
    }
    Ok(all)
}

fn satisfies(compare: &Compare, record: &Record<'_>) -> bool {
    // An operand of another kind than the target counts as zero or empty.
    let ordering = match (compare.target, &compare.target_union) {
        (VALUE, Some(TargetUnion::Value(value))) => record.value.cmp(value.as_slice()),
        (VALUE, _) => record.value.cmp(&[]),
        (CREATE, Some(TargetUnion::CreateRevision(revision))) => record.create.cmp(revision),
        (CREATE, _) => record.create.cmp(&0),
        (MOD, Some(TargetUnion::ModRevision(revision))) => record.modified.cmp(revision),
        (MOD, _) => record.modified.cmp(&0),
        (VERSION, Some(TargetUnion::Version(version))) => record.version.cmp(version),
        (VERSION, _) => record.version.cmp(&0),
        (LEASE, Some(TargetUnion::Lease(lease))) => record.lease.cmp(lease),
        (LEASE, _) => record.lease.cmp(&0),
        _ => Ordering::Equal,
    };
    match compare.result {
        EQUAL => ordering.is_eq(),
        GREATER => ordering.is_gt(),
        LESS => ordering.is_lt(),
        NOT_EQUAL => ordering.is_ne(),
        _ => true,
    }
}
