//! What grants, renewals and revocations do to the stored state.

use std::time::Duration;

use redb::ReadableTable;

use crate::failure::{Failure, Refusal};
use crate::lease::clock::{Clock, seconds};
use crate::proto::{LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, header};
use crate::storage::batch::Batch;
use crate::storage::error::StorageError;
use crate::storage::tables::Tables;

/// What etcd's default election settings allow at least, in seconds.
const MIN_TTL: i64 = 2;
/// What etcd allows at most, in seconds.
const MAX_TTL: i64 = 9_000_000_000;

/// What a request did to a lease, for the [`Clock`] to follow once it is committed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// The lease has its full time, in seconds.
    Started {
        id: i64,
        ttl: i64,
    },
    Stopped {
        id: i64,
    },
}

impl Effect {
    pub(crate) fn take(self, clock: &Clock) {
        match self {
            Self::Started { id, ttl } => clock.start(id, ttl, seconds(ttl)),
            Self::Stopped { id } => clock.stop(id),
        }
    }
}

/// Stores a new lease. Without an id it gets a free, positive one.
pub(crate) fn grant(
    batch: &mut Batch<'_>,
    request: &LeaseGrantRequest,
) -> Result<LeaseGrantResponse, Failure> {
    if request.ttl > MAX_TTL {
        return Err(Refusal::LeaseTtlTooLarge.into());
    }
    let id = match request.id {
        0 => free_id(batch)?,
        id if batch.leases().get(id)?.is_some() => return Err(Refusal::LeaseExists.into()),
        id => id,
    };
    let ttl = request.ttl.max(MIN_TTL);
    start(batch, id, ttl)?;
    Ok(LeaseGrantResponse { header: header(batch.revision()), id, ttl, error: String::new() })
}

/// Stores that a lease has its full time again, and answers with that time.
pub(crate) fn refresh(batch: &mut Batch<'_>, id: i64) -> Result<i64, Failure> {
    let stored = batch.leases().get(id)?.map(|lease| lease.value());
    let (ttl, _) = stored.ok_or(Refusal::LeaseNotFound)?;
    start(batch, id, ttl)?;
    Ok(ttl)
}

/// Ends a lease and deletes its keys, all in one revision.
pub(crate) fn revoke(
    batch: &mut Batch<'_>,
    request: &LeaseRevokeRequest,
) -> Result<LeaseRevokeResponse, Failure> {
    let id = request.id;
    if batch.leases().get(id)?.is_none() {
        return Err(Refusal::LeaseNotFound.into());
    }
    for key in keys(batch, id)? {
        batch.delete(&key)?;
    }
    batch.remove_lease(id)?;
    batch.note(Effect::Stopped { id });
    Ok(LeaseRevokeResponse { header: header(batch.revision()) })
}

/// The keys attached to a lease, in order.
pub(crate) fn keys(tables: &impl Tables, id: i64) -> Result<Vec<Vec<u8>>, StorageError> {
    let mut keys = Vec::new();
    for entry in tables.lease_keys().range::<(i64, &[u8])>((id, &[][..])..)? {
        let (at, ()) = {
            let (at, unit) = entry?;
            (at, unit.value())
        };
        let (lease, key) = at.value();
        if lease != id {
            break;
        }
        keys.push(key.to_vec());
    }
    Ok(keys)
}

/// Writes down what every lease has left, so that a store that is closed and opened again goes on there.
pub(crate) fn store_remaining(
    batch: &mut Batch<'_>,
    leases: &[(i64, i64, Duration)],
) -> Result<(), StorageError> {
    for &(id, ttl, left) in leases {
        batch.write_lease(id, ttl, milliseconds(left))?;
    }
    Ok(())
}

/// Starts the clock of every stored lease.
pub(crate) fn restore(tables: &impl Tables, clock: &Clock) -> Result<(), StorageError> {
    for entry in tables.leases().iter()? {
        let (id, lease) = entry?;
        let (ttl, left) = lease.value();
        clock.start(id.value(), ttl, Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    }
    Ok(())
}

fn start(batch: &mut Batch<'_>, id: i64, ttl: i64) -> Result<(), StorageError> {
    batch.write_lease(id, ttl, milliseconds(seconds(ttl)))?;
    batch.note(Effect::Started { id, ttl });
    Ok(())
}

fn free_id(tables: &impl Tables) -> Result<i64, StorageError> {
    loop {
        let id = fastrand::i64(1..);
        if tables.leases().get(id)?.is_none() {
            return Ok(id);
        }
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
