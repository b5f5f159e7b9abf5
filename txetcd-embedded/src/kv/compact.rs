//! Compact.

use crate::failure::{Failure, Refusal};
use crate::proto::{CompactionRequest, CompactionResponse, header};
use crate::storage::batch::Batch;
use crate::storage::tables::Tables;

/// Makes older revisions unreadable. What they held is removed in the background, or before the answer
/// where the request wants it physical.
pub(crate) fn apply(
    batch: &mut Batch<'_>,
    request: &CompactionRequest,
) -> Result<CompactionResponse, Failure> {
    if request.revision <= batch.compacted() {
        return Err(Refusal::Compacted.into());
    }
    if request.revision > batch.revision() {
        return Err(Refusal::FutureRevision.into());
    }
    batch.compact(request.revision);
    if request.physical {
        batch.sweep(usize::MAX)?;
    }
    Ok(CompactionResponse { header: header(batch.revision()) })
}
