//! [`Compare`]: what must hold for a transaction's `then` branch to run.

use etcd_client::CompareOp;

use crate::key_set::KeySet;
use crate::namespace::Namespace;

/// A condition on one key, or on every key of a range.
///
/// An absent key has version, revisions and lease 0, and no value: a value compare on it never holds. A
/// condition on a range holds if it holds for every key in it; an empty range behaves like an absent key.
///
/// ```
/// use txetcd_client::{Compare, KeySet};
/// Compare::value("k").eq("v");
/// Compare::create_revision("k").eq(0);                       // the key is absent
/// Compare::mod_revision(KeySet::prefix("jobs/")).lt(1000);   // nothing was put there since revision 1000
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    keys: KeySet,
    operator: Operator,
    operand: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
}

#[derive(Clone, PartialEq)]
enum Operand {
    Value(Vec<u8>),
    Number(Target, i64),
}

impl std::fmt::Debug for Operand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "Value({} bytes)", value.len()),
            Self::Number(target, number) => write!(f, "{target:?}({number})"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Version,
    CreateRevision,
    ModRevision,
    Lease,
}

impl Compare {
    /// What is compared.
    pub(crate) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Compares the value, byte by byte.
    pub fn value(keys: impl Into<KeySet>) -> CompareValue {
        CompareValue { keys: keys.into() }
    }

    /// Compares how many times the key was put since it was created. Unsafe as a guard across delete and
    /// recreate: use [`mod_revision`](Self::mod_revision) for that.
    pub fn version(keys: impl Into<KeySet>) -> CompareNumber {
        CompareNumber { keys: keys.into(), target: Target::Version }
    }

    /// Compares the revision in which the key was created; 0 if it is absent.
    pub fn create_revision(keys: impl Into<KeySet>) -> CompareNumber {
        CompareNumber { keys: keys.into(), target: Target::CreateRevision }
    }

    /// Compares the revision in which the key was last put; 0 if it is absent.
    pub fn mod_revision(keys: impl Into<KeySet>) -> CompareNumber {
        CompareNumber { keys: keys.into(), target: Target::ModRevision }
    }

    /// Compares the id of the key's lease; 0 for none.
    pub fn lease(keys: impl Into<KeySet>) -> CompareNumber {
        CompareNumber { keys: keys.into(), target: Target::Lease }
    }

    pub(crate) fn size(&self) -> usize {
        let operand = match &self.operand {
            Operand::Value(value) => value.len(),
            Operand::Number(..) => 10,
        };
        self.keys.size() + operand
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> etcd_client::Compare {
        let (key, range_end) = self.keys.to_wire(namespace.prefix());
        let operator = match self.operator {
            Operator::Equal => CompareOp::Equal,
            Operator::NotEqual => CompareOp::NotEqual,
            Operator::Less => CompareOp::Less,
            Operator::Greater => CompareOp::Greater,
        };
        let compare = match &self.operand {
            Operand::Value(value) => etcd_client::Compare::value(key, operator, value.clone()),
            Operand::Number(Target::Version, n) => etcd_client::Compare::version(key, operator, *n),
            Operand::Number(Target::CreateRevision, n) => {
                etcd_client::Compare::create_revision(key, operator, *n)
            }
            Operand::Number(Target::ModRevision, n) => etcd_client::Compare::mod_revision(key, operator, *n),
            Operand::Number(Target::Lease, n) => etcd_client::Compare::lease(key, operator, *n),
        };
        compare.with_range(range_end)
    }
}

macro_rules! operators {
    ($builder:ident, $operand:ty, |$self:ident, $argument:ident| $make:expr) => {
        impl $builder {
            /// Holds if it equals this.
            #[allow(clippy::should_implement_trait)]
            pub fn eq(self, operand: $operand) -> Compare {
                self.with(Operator::Equal, operand)
            }

            /// Holds if it differs from this.
            #[allow(clippy::should_implement_trait)]
            pub fn ne(self, operand: $operand) -> Compare {
                self.with(Operator::NotEqual, operand)
            }

            /// Holds if it is less than this.
            #[allow(clippy::should_implement_trait)]
            pub fn lt(self, operand: $operand) -> Compare {
                self.with(Operator::Less, operand)
            }

            /// Holds if it is greater than this.
            #[allow(clippy::should_implement_trait)]
            pub fn gt(self, operand: $operand) -> Compare {
                self.with(Operator::Greater, operand)
            }

            fn with(self, operator: Operator, $argument: $operand) -> Compare {
                let $self = self;
                Compare { operator, operand: $make, keys: $self.keys }
            }
        }
    };
}

/// A compare of a value that still needs its operator.
#[derive(Debug, Clone)]
#[must_use = "finish it with .eq(), .ne(), .lt() or .gt()"]
pub struct CompareValue {
    keys: KeySet,
}

operators!(CompareValue, impl Into<Vec<u8>>, |this, operand| Operand::Value(operand.into()));

/// A compare of a number that still needs its operator.
#[derive(Debug, Clone)]
#[must_use = "finish it with .eq(), .ne(), .lt() or .gt()"]
pub struct CompareNumber {
    keys: KeySet,
    target: Target,
}

operators!(CompareNumber, i64, |this, operand| Operand::Number(this.target, operand));
