//! Random requests, with keys, revisions and leases still symbolic, so that they mean the same on a
//! server with a past of its own.

use proptest::collection::vec;
use proptest::prelude::*;

/// One of a few keys.
pub(crate) type Key = u8;

/// One of a few leases, of which some are never granted.
pub(crate) type Lease = u8;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    One(Key),
    Between(Key, Key),
    From(Key),
    All,
}

/// A revision, counted from those of the sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Revision {
    Negative,
    Zero,
    Back(u8),
    Ahead(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) span: Span,
    pub(crate) limit: i64,
    pub(crate) revision: Revision,
    pub(crate) order: i32,
    pub(crate) target: i32,
    pub(crate) keys_only: bool,
    pub(crate) count_only: bool,
    pub(crate) serializable: bool,
    /// Least and most `mod_revision`, least and most `create_revision`.
    pub(crate) filters: [Revision; 4],
}

#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) key: Key,
    pub(crate) value: Vec<u8>,
    pub(crate) lease: Option<Lease>,
    pub(crate) prev_kv: bool,
    pub(crate) ignore_value: bool,
    pub(crate) ignore_lease: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Delete {
    pub(crate) span: Span,
    pub(crate) prev_kv: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Version(i64),
    Create(Revision),
    Mod(Revision),
    Value(Vec<u8>),
    Lease(Option<Lease>),
    Missing,
}

#[derive(Clone, Debug)]
pub(crate) struct Compare {
    pub(crate) span: Span,
    pub(crate) target: i32,
    pub(crate) result: i32,
    pub(crate) operand: Operand,
}

#[derive(Clone, Debug)]
pub(crate) struct Txn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) success: Vec<Step>,
    pub(crate) failure: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Range(Range),
    Put(Put),
    Delete(Delete),
    Txn(Txn),
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// The id that is asked for; 0 leaves the choice.
    pub(crate) id: u8,
    pub(crate) span: Span,
    pub(crate) start: Revision,
    pub(crate) prev_kv: bool,
    pub(crate) fragment: bool,
    pub(crate) no_put: bool,
    pub(crate) no_delete: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Range(Range),
    Put(Put),
    Delete(Delete),
    Txn(Txn),
    Compact {
        revision: Revision,
        physical: bool,
    },
    Grant {
        lease: Lease,
        ttl: i64,
    },
    Revoke(Lease),
    TimeToLive {
        lease: Lease,
        keys: bool,
    },
    KeepAlive(Lease),
    /// A lease whose id the server chooses, and which is revoked at once.
    Brief {
        ttl: i64,
    },
    Leases,
    Watch(Watch),
    Cancel {
        watcher: u8,
    },
    Progress,
    RangeStream(Range),
    Hash(Revision),
    Status,
    Members,
    Alarms,
}

impl Operation {
    /// Whether the answer depends on how far the watchers are.
    pub(crate) fn concerns_watchers(&self) -> bool {
        matches!(self, Self::Compact { .. } | Self::Watch(_) | Self::Cancel { .. } | Self::Progress)
    }
}

const KEYS: Key = 6;
const LEASES: Lease = 4;
const WATCHERS: u8 = 5;

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => range().prop_map(Operation::Range),
        8 => put().prop_map(Operation::Put),
        3 => delete(true).prop_map(Operation::Delete),
        8 => txn(3).prop_map(Operation::Txn),
        1 => (revision(), any::<bool>())
            .prop_map(|(revision, physical)| Operation::Compact { revision, physical }),
        2 => (0..LEASES, prop_oneof![Just(600), Just(9_000_000_001)])
            .prop_map(|(lease, ttl)| Operation::Grant { lease, ttl }),
        1 => (0..LEASES).prop_map(Operation::Revoke),
        1 => (0..LEASES, any::<bool>()).prop_map(|(lease, keys)| Operation::TimeToLive { lease, keys }),
        1 => (0..LEASES).prop_map(Operation::KeepAlive),
        1 => prop_oneof![Just(i64::MIN), -1..4_i64, Just(9_000_000_000)]
            .prop_map(|ttl| Operation::Brief { ttl }),
        1 => Just(Operation::Leases),
        3 => watch().prop_map(Operation::Watch),
        1 => (0..WATCHERS).prop_map(|watcher| Operation::Cancel { watcher }),
        1 => Just(Operation::Progress),
        2 => range().prop_map(Operation::RangeStream),
        1 => revision().prop_map(Operation::Hash),
        1 => prop_oneof![Just(Operation::Status), Just(Operation::Members), Just(Operation::Alarms)],
    ]
}

fn span(with_from: bool) -> BoxedStrategy<Span> {
    let closed = prop_oneof![
        5 => (0..KEYS).prop_map(Span::One),
        3 => (0..KEYS, 0..KEYS).prop_map(|(start, end)| Span::Between(start, end)),
        2 => Just(Span::All),
    ];
    if with_from {
        prop_oneof![9 => closed, 1 => (0..KEYS).prop_map(Span::From)].boxed()
    } else {
        closed.boxed()
    }
}

fn revision() -> impl Strategy<Value = Revision> {
    prop_oneof![
        6 => Just(Revision::Zero),
        6 => (0..12_u8).prop_map(Revision::Back),
        1 => (1..3_u8).prop_map(Revision::Ahead),
        1 => Just(Revision::Negative),
    ]
}

fn filter() -> impl Strategy<Value = Revision> {
    prop_oneof![8 => Just(Revision::Zero), 1 => (0..8_u8).prop_map(Revision::Back)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(0..3_u8, 0..3)
}

fn range() -> impl Strategy<Value = Range> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.1), any::<bool>());
    let order = prop_oneof![10 => 0..3_i32, 1 => Just(7)];
    let target = prop_oneof![5 => Just(0), 5 => 0..5_i32, 1 => Just(9)];
    let filters = [filter(), filter(), filter(), filter()];
    (
        span(true),
        prop_oneof![2 => Just(0), 2 => 1..4_i64, 1 => Just(-1)],
        revision(),
        order,
        target,
        flags,
        filters,
    )
        .prop_map(|(span, limit, revision, order, target, flags, filters)| Range {
            span,
            limit,
            revision,
            order,
            target,
            keys_only: flags.0,
            count_only: flags.1,
            serializable: flags.2,
            filters,
        })
}

fn put() -> impl Strategy<Value = Put> {
    let flags = (any::<bool>(), prop::bool::weighted(0.15), prop::bool::weighted(0.15));
    (0..KEYS, value(), prop::option::weighted(0.3, 0..LEASES), flags).prop_map(
        |(key, value, lease, flags)| Put {
            key,
            // Mostly what the flags allow, sometimes not.
            value: if flags.1 && key != 0 { Vec::new() } else { value },
            lease: if flags.2 && key != 1 { None } else { lease },
            prev_kv: flags.0,
            ignore_value: flags.1,
            ignore_lease: flags.2,
        },
    )
}

fn delete(with_from: bool) -> impl Strategy<Value = Delete> {
    (span(with_from), any::<bool>()).prop_map(|(span, prev_kv)| Delete { span, prev_kv })
}

fn compare() -> impl Strategy<Value = Compare> {
    let operand = prop_oneof![
        (0..4_i64).prop_map(Operand::Version),
        revision().prop_map(Operand::Create),
        revision().prop_map(Operand::Mod),
        value().prop_map(Operand::Value),
        prop::option::of(0..LEASES).prop_map(Operand::Lease),
        Just(Operand::Missing),
    ];
    let target = prop_oneof![8 => Just(None), 1 => (0..6_i32).prop_map(Some)];
    (span(true), target, 0..5_i32, operand).prop_map(|(span, target, result, operand)| {
        let own = match operand {
            Operand::Version(_) | Operand::Missing => 0,
            Operand::Create(_) => 1,
            Operand::Mod(_) => 2,
            Operand::Value(_) => 3,
            Operand::Lease(_) => 4,
        };
        Compare { span, target: target.unwrap_or(own), result, operand }
    })
}

/// Transactions nest up to `depth` deep. They delete no open ranges: etcd does not see that such a delete
/// collides with a put, and crashes if that put keeps the value.
fn txn(depth: u32) -> BoxedStrategy<Txn> {
    let leaf = prop_oneof![
        4 => range().prop_map(Step::Range),
        6 => put().prop_map(Step::Put),
        3 => delete(false).prop_map(Step::Delete),
    ];
    let step = if depth > 1 {
        prop_oneof![30 => leaf, 9 => txn(depth - 1).prop_map(Step::Txn), 1 => Just(Step::Nothing)].boxed()
    } else {
        leaf.boxed()
    };
    (vec(compare(), 0..3), vec(step.clone(), 0..4), vec(step, 0..3))
        .prop_map(|(compares, success, failure)| Txn { compares, success, failure })
        .boxed()
}

fn watch() -> impl Strategy<Value = Watch> {
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let id = prop_oneof![2 => Just(0), 1 => 1..WATCHERS];
    (id, span(true), revision(), flags).prop_map(|(id, span, start, flags)| Watch {
        id,
        span,
        start,
        prev_kv: flags.0,
        fragment: flags.1,
        no_put: flags.2,
        no_delete: flags.3,
    })
}
