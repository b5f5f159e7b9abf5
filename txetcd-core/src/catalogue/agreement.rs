//! Agreement: who writes to a table knows all of its indexes.
//!
//! Each commit is guarded by the revision at which the catalogue's row of each table that it writes was seen and
//! found to have no index that the program does not declare. So an index that another program adds stops those who
//! would not keep it, at their next commit. A table without indexes is taken to be absent from the catalogue until
//! a commit finds it there, so that it costs no request.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Mutex;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use txetcd_client::{Error, Result, error::Kind};

use super::attach::{Removed, enter};
use super::declaration::Declaration;
use super::state::catalogued;
use crate::database::Database;
use crate::engine::bookkeeping::catalogue_key;
use crate::engine::lock::lock;
use crate::engine::naming::table_name;
use crate::engine::schema::TableSchema;
use crate::engine::view::{SchemaGuard, View};
use crate::txn::sealed::Sealed as _;
use crate::txn::{ReadTxn, WriteTxn};

/// The revisions of the catalogue's rows that were agreed with, by slot and by who did.
#[derive(Debug, Default)]
pub(crate) struct Agreed(Mutex<HashMap<(u16, TypeId), i64>>);

impl Agreed {
    pub(super) fn set(&self, slot: u16, schema: &'static dyn TableSchema, mod_revision: i64) {
        lock(&self.0).insert((slot, schema.id()), mod_revision);
    }

    fn get(&self, slot: u16, schema: &'static dyn TableSchema) -> Option<i64> {
        lock(&self.0).get(&(slot, schema.id())).copied()
    }
}

impl Database {
    /// What ends a transaction whose closure has returned: its index entries are made, and what the catalogue must say
    /// at the commit is found.
    pub(crate) async fn conclude(&self, view: &View) -> Result<Vec<SchemaGuard>> {
        view.maintain_indexes().await?;
        let mut guards = Vec::new();
        for (slot, schema) in view.written().into_iter().filter(|(slot, _)| *slot != 0) {
            let mod_revision = match self.agreed().get(slot, schema) {
                Some(agreed) => agreed,
                None => match schema.declaration() {
                    Some(declaration) => {
                        let (mod_revision, ready) = self.enter_implicitly(schema, declaration).await?;
                        if ready {
                            // What the closure saw of the catalogue, if it read an index, was before that; an index
                            // that is ready has all entries, whatever happened to it meanwhile.
                            view.forget_read(&catalogue_key(slot));
                        }
                        mod_revision
                    }
                    None => 0,
                },
            };
            guards.push(SchemaGuard { slot, mod_revision });
        }
        Ok(guards)
    }

    /// Looks again at tables whose row in the catalogue was not as expected.
    ///
    /// # Errors
    /// `is_schema_mismatch` if a table has an index now that is not declared here.
    pub(crate) async fn agree_again(&self, tables: &[(u16, &'static dyn TableSchema)]) -> Result<()> {
        for (slot, schema) in tables {
            match schema.declaration() {
                Some(declaration) => self.enter_implicitly(*schema, declaration).await?.0,
                None => self.agree_unindexed(*slot, *schema).await?,
            };
        }
        Ok(())
    }

    async fn agree_unindexed(&self, slot: u16, schema: &'static dyn TableSchema) -> Result<i64> {
        let (mod_revision, table) = self
            .read(async |txn: &ReadTxn| {
                let (view, key) = (txn.view(), catalogue_key(slot));
                let row = view.get(vec![key]).await?.pop().flatten();
                let mod_revision = row.map_or(0, |row| row.mod_revision());
                Ok::<_, Error>((mod_revision, catalogued(view, slot).await?))
            })
            .await?;
        if let Some(index) = table.iter().flat_map(|table| &table.indexes).next() {
            return Err(Error::new(
                Kind::SchemaMismatch,
                format!(
                    "{}: the catalogue has an index that this program does not declare, and so would not keep: {} (slot \
                     {}). Nothing was written: declare the index, or remove it by attaching the table without it",
                    table_name(slot, schema),
                    index.described(),
                    index.slot
                ),
            ));
        }
        self.agreed().set(slot, schema, mod_revision);
        Ok(mod_revision)
    }

    /// Enters a table with indexes in the catalogue, or finds it there. Returns the revision of its row, and whether all
    /// indexes can be read. Boxed, since it is a transaction within the commit of another one.
    pub(crate) fn enter_implicitly(
        &self,
        schema: &'static dyn TableSchema,
        declaration: Declaration,
    ) -> BoxFuture<'_, Result<(i64, bool)>> {
        async move {
            let entered = self
                .write_with_revision(async |txn: &WriteTxn| enter(txn, &declaration, Removed::Refused).await)
                .await?;
            Ok((self.entered(&entered, schema)?.1, entered.0.ready))
        }
        .boxed()
    }
}
