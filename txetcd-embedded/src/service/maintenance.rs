//! The Maintenance service, as far as a store of one member has something to maintain.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use crate::backup::Backup;
use crate::engine::{Engine, RAFT_TERM, VERSION};
use crate::failure::{Failure, Refusal, unreadable};
use crate::key_range::KeyRange;
use crate::proto::{
    AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse, DowngradeInfo, DowngradeRequest,
    DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest, HashResponse, Maintenance,
    MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};
use crate::storage::batch::Batch;
use crate::storage::read;
use crate::storage::tables::Tables;

/// `AlarmAction::Activate` of the protocol.
const ACTIVATE: i32 = 1;

pub(crate) struct MaintenanceService {
    engine: Arc<Engine>,
}

impl MaintenanceService {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self { engine: Arc::clone(engine) }
    }
}

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    type SnapshotStream = BoxStream<'static, Result<SnapshotResponse, Status>>;

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let header = self.engine.newest_header();
        // There is no raft log; the revision is what advances with every applied write.
        let index = header.revision.unsigned_abs();
        let size = self.engine.size();
        Ok(Response::new(StatusResponse {
            version: VERSION.to_owned(),
            storage_version: VERSION.to_owned(),
            db_size: size,
            db_size_in_use: size,
            leader: header.member_id,
            raft_index: index,
            raft_applied_index: index,
            raft_term: RAFT_TERM,
            errors: self.engine.failure().into_iter().collect(),
            downgrade_info: Some(DowngradeInfo::default()),
            header: Some(header),
            ..Default::default()
        }))
    }

    /// No alarm is ever raised by the store, and none can be raised from outside.
    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        if request.into_inner().action == ACTIVATE {
            return Err(missing("alarms"));
        }
        let header = Some(self.engine.newest_header());
        Ok(Response::new(AlarmResponse { header, alarms: Vec::new() }))
    }

    /// Removes what compactions left, and moves the store to a file, or memory, without holes. Writes wait
    /// meanwhile, and reads do not.
    async fn defragment(
        &self,
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        let (reply, done) = oneshot::channel();
        let defragment = move |batch: &mut Batch<'_>| {
            batch.sweep(usize::MAX)?;
            batch.defragment(reply);
            Ok(())
        };
        self.engine.write(defragment).await?;
        match done.await {
            Ok(Ok(())) => Ok(Response::new(DefragmentResponse::default())),
            Ok(Err(error)) => {
                Err(Status::unavailable(format!("txetcd-embedded: the store could not be rebuilt: {error}")))
            }
            Err(_) => Err(Status::unavailable("txetcd-embedded: the store's writer has ended")),
        }
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let snapshot = self.engine.snapshot();
        let hash = hash_keys(&*snapshot, snapshot.revision())?;
        Ok(Response::new(HashResponse { header: Some(self.engine.header(snapshot.revision())), hash }))
    }

    async fn hash_kv(&self, request: Request<HashKvRequest>) -> Result<Response<HashKvResponse>, Status> {
        let snapshot = self.engine.snapshot();
        let newest = snapshot.revision();
        let hash_revision = match request.into_inner().revision {
            0 => newest,
            revision if revision > newest => return Err(Refusal::FutureRevision.into()),
            revision if revision > 0 && revision < snapshot.compacted() => {
                return Err(Refusal::Compacted.into());
            }
            // Below zero there is nothing, and etcd says what it comes to.
            revision => revision,
        };
        Ok(Response::new(HashKvResponse {
            header: Some(self.engine.header(newest)),
            hash: hash_keys(&*snapshot, hash_revision)?,
            compact_revision: snapshot.compacted(),
            hash_revision,
        }))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<Self::SnapshotStream>, Status> {
        let engine = Arc::clone(&self.engine);
        let backup = tokio::task::spawn_blocking(move || Backup::new(&engine)).await;
        let backup = backup.map_err(|error| Status::internal(format!("txetcd-embedded: {error}")))?;
        let backup = backup.map_err(|error| unreadable(&error))?;
        Ok(Response::new(stream::iter(backup).boxed()))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        if request.into_inner().target_id == self.engine.member_id() {
            Ok(Response::new(MoveLeaderResponse::default()))
        } else {
            Err(Refusal::BadTransferee.into())
        }
    }

    async fn downgrade(&self, _: Request<DowngradeRequest>) -> Result<Response<DowngradeResponse>, Status> {
        Err(missing("downgrades"))
    }
}

fn missing(what: &str) -> Status {
    Status::unimplemented(format!("txetcd-embedded: the embedded store has no {what}"))
}

/// A hash (FNV-1a) of all that was current at `revision`. It tells embedded stores apart; etcd hashes its
/// own file format, so its numbers differ.
fn hash_keys(tables: &impl Tables, revision: i64) -> Result<u32, Failure> {
    let mut hash = 0x811c_9dc5_u32;
    let mut feed = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    };
    read::scan(tables, KeyRange::From(&[]), revision, |key, record| {
        let lengths = [key.len() as u64, record.value.len() as u64];
        lengths.iter().for_each(|length| feed(&length.to_le_bytes()));
        feed(key);
        feed(record.value);
        for number in [record.create, record.modified, record.version, record.lease] {
            feed(&number.to_le_bytes());
        }
        true
    })?;
    Ok(hash)
}
