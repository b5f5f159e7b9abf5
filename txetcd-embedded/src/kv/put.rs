//! Put.

use redb::ReadableTable;

use crate::failure::{Failure, Refusal};
use crate::proto::{PutRequest, PutResponse, header};
use crate::storage::batch::{Batch, Put};
use crate::storage::record::Record;
use crate::storage::tables::Tables;

/// Carries out a request of its own.
pub(crate) fn put(batch: &mut Batch<'_>, request: &PutRequest) -> Result<PutResponse, Failure> {
    check(batch, request)?;
    apply(batch, request)
}

/// Refuses what the state does not allow: an unknown lease, or nothing to keep.
pub(crate) fn check(tables: &impl Tables, request: &PutRequest) -> Result<(), Failure> {
    if request.lease != 0 && tables.leases().get(request.lease)?.is_none() {
        return Err(Refusal::LeaseNotFound.into());
    }
    if (request.ignore_value || request.ignore_lease) && tables.live().get(request.key.as_slice())?.is_none()
    {
        return Err(Refusal::KeyNotFound.into());
    }
    Ok(())
}

/// Carries out a request that passed its checks.
pub(crate) fn apply(batch: &mut Batch<'_>, request: &PutRequest) -> Result<PutResponse, Failure> {
    let value = if request.ignore_value { Put::Kept } else { Put::Given(&request.value) };
    let lease = if request.ignore_lease { None } else { Some(request.lease) };
    let ended = batch.put(&request.key, value, lease)?;
    let prev_kv = match ended {
        Some(bytes) if request.prev_kv => Some(Record::decode(&bytes)?.key_value(&request.key)),
        _ => None,
    };
    Ok(PutResponse { header: header(batch.revision()), prev_kv })
}
