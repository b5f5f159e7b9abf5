//! Agreement: who writes to a table knows all of its indexes.
//!
//! Each commit is guarded by the revision at which the catalogue's row of each table that it writes was seen and
//! found to have no index that the program does not declare. So an index that another program adds stops those who
//! would not keep it, at their next commit. A table without indexes is taken to be absent from the catalogue until
//! a commit finds it there, so that it costs no request.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use smallvec::SmallVec;
use txetcd_client::{Error, Result, error::Kind};

use super::attach::{Removed, enter};
use super::declaration::Declaration;
use super::state::catalogued_at;
use crate::database::Database;
use crate::engine::attempt::{SchemaGuard, SchemaGuards};
use crate::engine::bookkeeping::{CATALOGUE, catalogue_key};
use crate::engine::lock::lock;
use crate::engine::naming::table_name;
use crate::engine::schema::TableSchema;
use crate::engine::view::{View, Written};
use crate::reference::keep::{Referrer, follow, require_targets};
use crate::txn::sealed::Sealed as _;
use crate::txn::{ReadTxn, WriteTxn};

/// What was seen in a table's row of the catalogue.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    pub(super) mod_revision: i64,
    pub(super) referenced_by: Vec<u16>,
    /// The slots of the indexes that are being built.
    pub(super) building: Vec<u16>,
}

/// What must hold of tables, and what was seen of each, unless it has no indexes and is taken to be absent from the
/// catalogue.
type Seen = SmallVec<[(SchemaGuard, &'static dyn TableSchema, Option<Arc<Agreement>>); 2]>;

/// A table is being entered in the catalogue, or found there: the revision of its row, and whether all indexes can be read.
type Entering = BoxFuture<'static, Result<(i64, bool)>>;

/// What the program agrees with.
#[derive(Default)]
pub(crate) struct Agreed {
    /// By slot and by who did.
    tables: Mutex<HashMap<(u16, TypeId), Arc<Agreement>, RandomState>>,
    /// The tables of this program that refer to others.
    referrers: Mutex<Vec<Referrer>>,
    /// By who does. All who write to a table for the first time at the same moment drive the same future, so that none
    /// depends on another one that may be dropped.
    entering: Mutex<HashMap<TypeId, WeakShared<Entering>, RandomState>>,
}

impl Agreed {
    pub(super) fn set(&self, slot: u16, schema: &'static dyn TableSchema, agreement: Agreement) {
        lock(&self.tables).insert((slot, schema.id()), Arc::new(agreement));
    }

    fn get(&self, slot: u16, schema: &'static dyn TableSchema) -> Option<Arc<Agreement>> {
        lock(&self.tables).get(&(slot, schema.id())).cloned()
    }

    /// Joins those who are entering a table at this moment, or begins.
    fn enter_together(
        &self,
        schema: &'static dyn TableSchema,
        begin: impl FnOnce() -> Entering,
    ) -> Shared<Entering> {
        let mut entering = lock(&self.entering);
        let under_way = entering.get(&schema.id()).and_then(WeakShared::upgrade);
        if let Some(under_way) = under_way.filter(|under_way| under_way.peek().is_none()) {
            return under_way;
        }
        let shared = begin().shared();
        entering.extend(shared.downgrade().map(|weak| (schema.id(), weak)));
        shared
    }

    pub(super) fn refer(&self, new: Referrer) {
        let mut referrers = lock(&self.referrers);
        referrers.retain(|old| (old.target, old.slot, old.at) != (new.target, new.slot, new.at));
        referrers.push(new);
    }

    fn referrers(&self) -> Vec<Referrer> {
        lock(&self.referrers).clone()
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agreed").field("tables", &*lock(&self.tables)).finish_non_exhaustive()
    }
}

impl Database {
    /// What ends a transaction whose closure has returned: what follows for other rows and for indexes is added to its
    /// writes, and what the catalogue must say at the commit is found.
    pub(crate) async fn conclude(&self, view: &View) -> Result<SchemaGuards> {
        let mut written = view.written();
        let mut seen = self.seen(view, &written, &[]).await?;
        let referrers = self.agreed().referrers();
        require_known_referrers(view, &seen, &referrers)?;
        if !referrers.is_empty() {
            // Boxed, as is what else is rare, so that it does not make the futures of all transactions larger.
            Box::pin(follow(view, &referrers)).await?;
            // It may have written to further tables.
            written = view.written();
            seen = self.seen(view, &written, &referrers).await?;
            require_known_referrers(view, &seen, &referrers)?;
        }
        let (mut guards, mut building) = (SchemaGuards::new(), Vec::new());
        for (guard, _, agreement) in seen {
            guards.push(guard);
            building.extend(agreement.iter().flat_map(|agreement| &agreement.building));
        }
        view.grant_leases(self.client()).await?;
        view.maintain_indexes(&written, &building).await?;
        require_targets(view, &written)?;
        Ok(guards)
    }

    /// What was seen of the tables that are written, and of those that may refer to rows that are deleted: a program whose
    /// declaration has fewer references would pass over some.
    async fn seen(
        &self,
        view: &View,
        written: &[(u16, &'static dyn TableSchema)],
        referrers: &[Referrer],
    ) -> Result<Seen> {
        let mut tables: Written = written.iter().copied().filter(|(slot, _)| *slot != CATALOGUE).collect();
        for referrer in referrers.iter().filter(|referrer| !view.deleted(referrer.target).is_empty()) {
            let is_known = |(slot, schema): &(u16, &dyn TableSchema)| {
                *slot == referrer.slot && schema.id() == referrer.schema.id()
            };
            if !tables.iter().any(is_known) {
                tables.push((referrer.slot, referrer.schema));
            }
        }
        let mut seen = Seen::with_capacity(tables.len());
        for (slot, schema) in tables {
            let (mut agreement, mut entered) = (self.agreed().get(slot, schema), 0);
            if agreement.is_none()
                && let Some(declaration) = schema.declaration()
            {
                let (mod_revision, ready) = self.enter_implicitly(schema, declaration).await?;
                if ready {
                    // What the closure saw of the catalogue, if it read an index, was before that; an index
                    // that is ready has all entries, whatever happened to it meanwhile.
                    view.forget_read(&catalogue_key(slot));
                }
                entered = mod_revision;
                agreement = self.agreed().get(slot, schema);
            }
            // What is guarded is what was seen: somebody else may have looked again meanwhile.
            let mod_revision = agreement.as_ref().map_or(entered, |agreement| agreement.mod_revision);
            seen.push((SchemaGuard { slot, mod_revision }, schema, agreement));
        }
        Ok(seen)
    }

    /// Looks again at tables whose row in the catalogue was not as expected.
    ///
    /// # Errors
    /// `is_schema_mismatch` if a table has an index now that is not declared here.
    pub(crate) async fn agree_again(&self, tables: &[(u16, &'static dyn TableSchema)]) -> Result<()> {
        for (slot, schema) in tables {
            match schema.declaration() {
                Some(declaration) => self.enter_implicitly(*schema, declaration).await?.0,
                None => Box::pin(self.agree_unindexed(*slot, *schema)).await?,
            };
        }
        Ok(())
    }

    async fn agree_unindexed(&self, slot: u16, schema: &'static dyn TableSchema) -> Result<i64> {
        let found = self.read(async |txn: &ReadTxn| catalogued_at(txn.view(), slot).await).await?;
        let (mod_revision, referenced_by) = match found {
            None => (0, Vec::new()),
            Some((mod_revision, table)) => match table.indexes.first() {
                Some(index) => return Err(index.undeclared(&table_name(slot, schema))),
                None => (mod_revision, table.referenced_by),
            },
        };
        self.agreed().set(slot, schema, Agreement { mod_revision, referenced_by, building: Vec::new() });
        Ok(mod_revision)
    }

    /// Enters a table with indexes in the catalogue, or finds it there, in a transaction of its own. Returns the revision of
    /// its row, and whether all indexes can be read.
    pub(crate) fn enter_implicitly(
        &self,
        schema: &'static dyn TableSchema,
        declaration: Declaration,
    ) -> impl Future<Output = Result<(i64, bool)>> + Send + use<> {
        let db = self.clone();
        self.agreed().enter_together(schema, || {
            async move {
                let entered = db
                    .write_with_revision(async |txn: &WriteTxn| {
                        enter(txn, &declaration, Removed::Refused).await
                    })
                    .await?;
                Ok((db.entered(&entered, schema)?.1, entered.0.building.is_empty()))
            }
            .boxed()
        })
    }
}

/// Rows may be deleted only by who knows all tables that refer to them.
fn require_known_referrers(view: &View, seen: &Seen, referrers: &[Referrer]) -> Result<()> {
    for (SchemaGuard { slot, .. }, schema, agreement) in seen {
        let Some(agreement) = agreement else { continue };
        let is_known = |by: &u16| referrers.iter().any(|known| known.target == *slot && known.slot == *by);
        let Some(unknown) = agreement.referenced_by.iter().find(|by| !is_known(by)) else { continue };
        if !view.deleted(*slot).is_empty() {
            return Err(Error::new(
                Kind::SchemaMismatch,
                format!(
                    "{}: rows are deleted, to which rows of the table in slot {unknown} may refer, which this program \
                     has not attached. Nothing was written: `attach` that table once after connecting",
                    table_name(*slot, *schema)
                ),
            ));
        }
    }
    Ok(())
}
