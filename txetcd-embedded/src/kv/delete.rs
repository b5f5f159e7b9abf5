//! Delete range.

use crate::failure::Failure;
use crate::key_range::KeyRange;
use crate::proto::{DeleteRangeRequest, DeleteRangeResponse, header};
use crate::storage::batch::Batch;
use crate::storage::read;
use crate::storage::record::Record;
use crate::storage::tables::Tables;

/// Deletes every key of the range, in order. Nothing changes where there is none.
pub(crate) fn apply(
    batch: &mut Batch<'_>,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse, Failure> {
    let mut keys = Vec::new();
    let range = KeyRange::new(&request.key, &request.range_end);
    read::scan(batch, range, batch.revision(), |key, _| {
        keys.push(key.to_vec());
        true
    })?;
    let mut response = DeleteRangeResponse::default();
    for key in keys {
        let ended = batch.delete(&key)?;
        response.deleted += 1;
        if request.prev_kv {
            response.prev_kvs.push(Record::decode(&ended)?.key_value(&key));
        }
    }
    response.header = header(batch.revision());
    Ok(response)
}
