//! Range: limits, orders, filters and counts, as etcd gives them.

use std::cmp::Ordering;

use crate::failure::{Failure, Refusal};
use crate::key_range::KeyRange;
use crate::proto::{KeyValue, RangeRequest, RangeResponse, header};
use crate::storage::count;
use crate::storage::read;
use crate::storage::record::Record;
use crate::storage::tables::Tables;

/// The values of `SortOrder` and `SortTarget` in the protocol.
const NONE: i32 = 0;
const ASCEND: i32 = 1;
const DESCEND: i32 = 2;
const KEY: i32 = 0;
const VERSION: i32 = 1;
const CREATE: i32 = 2;
const MOD: i32 = 3;
const VALUE: i32 = 4;

/// Answers a range on `tables`; the header carries the newest revision, not the one asked for, and the
/// count ignores the limit.
pub(crate) fn range(tables: &impl Tables, request: &RangeRequest) -> Result<RangeResponse, Failure> {
    select(tables, request, true)
}

/// As [`range`], but counts no further than it has to look, for ranges that are read piece by piece.
pub(crate) fn piece(tables: &impl Tables, request: &RangeRequest) -> Result<RangeResponse, Failure> {
    select(tables, request, false)
}

fn select(tables: &impl Tables, request: &RangeRequest, count_all: bool) -> Result<RangeResponse, Failure> {
    let newest = tables.revision();
    let revision = match request.revision {
        revision if revision > newest => return Err(Refusal::FutureRevision.into()),
        ..=0 => newest,
        revision if revision < tables.compacted() => return Err(Refusal::Compacted.into()),
        revision => revision,
    };
    let keys = KeyRange::new(&request.key, &request.range_end);
    // The newest state can be read from its last key on; the past only from its first.
    let reversed = request.sort_target == KEY && request.sort_order == DESCEND && revision == newest;
    let by_key = request.sort_target == KEY && request.sort_order != DESCEND;
    let sorted = reversed || by_key;
    // With a target but no order, etcd applies the limit first and sorts what is left.
    let limit_first = sorted || (request.sort_order == NONE && !has_filters(request));
    let mut selection = Selection::new(request, limit_first);
    if reversed && !request.count_only {
        read::scan_newest_reversed(tables, keys, |key, record| selection.add(key, record))?;
    } else if !request.count_only {
        read::scan(tables, keys, revision, |key, record| selection.add(key, record))?;
    }
    if !sorted {
        selection.sort();
    }
    if (count_all || request.count_only) && selection.stopped() {
        selection.total = count::keys(tables, keys, revision)?;
    }
    let more = selection.truncate();
    Ok(RangeResponse { header: header(newest), kvs: selection.chosen, more, count: selection.total })
}

/// What a range request chooses from the versions that it is shown.
struct Selection<'r> {
    request: &'r RangeRequest,
    /// How many to choose at most before sorting.
    keep: usize,
    keys_only: bool,
    chosen: Vec<KeyValue>,
    /// Keys that were looked at.
    total: i64,
}

impl<'r> Selection<'r> {
    /// `limit_first` applies the limit to the versions as they come, not to the sorted ones.
    fn new(request: &'r RangeRequest, limit_first: bool) -> Self {
        // One more than the limit, to know whether there is more.
        let keep = match usize::try_from(request.limit) {
            _ if request.count_only => 0,
            Ok(limit) if limit > 0 && limit_first => limit.saturating_add(1),
            _ => usize::MAX,
        };
        let keys_only = request.keys_only && request.sort_target != VALUE;
        Self { request, keep, keys_only, chosen: Vec::new(), total: 0 }
    }

    /// Takes what is wanted of a version, and answers whether to go on.
    fn add(&mut self, key: &[u8], record: Record<'_>) -> bool {
        self.total += 1;
        if self.admits(&record) {
            self.chosen.push(if self.keys_only { record.key_only(key) } else { record.key_value(key) });
        }
        !self.stopped()
    }

    /// Whether everything that is wanted was found, and there may be more keys than were looked at.
    fn stopped(&self) -> bool {
        self.chosen.len() >= self.keep
    }

    fn admits(&self, record: &Record<'_>) -> bool {
        let within = |revision: i64, least: i64, most: i64| {
            (least == 0 || revision >= least) && (most == 0 || revision <= most)
        };
        within(record.modified, self.request.min_mod_revision, self.request.max_mod_revision)
            && within(record.create, self.request.min_create_revision, self.request.max_create_revision)
    }

    fn sort(&mut self) {
        let compare: fn(&KeyValue, &KeyValue) -> Ordering = match self.request.sort_target {
            VERSION => |a, b| a.version.cmp(&b.version),
            CREATE => |a, b| a.create_revision.cmp(&b.create_revision),
            MOD => |a, b| a.mod_revision.cmp(&b.mod_revision),
            VALUE => |a, b| a.value.cmp(&b.value),
            _ => |a, b| a.key.cmp(&b.key),
        };
        if self.request.sort_order == DESCEND {
            self.chosen.sort_by(|a, b| compare(b, a));
        } else {
            self.chosen.sort_by(compare);
        }
    }

    /// Cuts the answer to its limit and answers whether anything was cut.
    fn truncate(&mut self) -> bool {
        let more = match usize::try_from(self.request.limit) {
            Ok(limit) if limit > 0 && self.chosen.len() > limit => {
                self.chosen.truncate(limit);
                true
            }
            _ => false,
        };
        if self.request.keys_only {
            self.chosen.iter_mut().for_each(|key_value| key_value.value.clear());
        }
        more
    }
}

/// Whether etcd answers without putting keys into another order first.
pub(crate) fn is_default_order(request: &RangeRequest) -> bool {
    request.sort_order == NONE || (request.sort_target == KEY && request.sort_order == ASCEND)
}

/// Whether revisions restrict what is chosen.
pub(crate) fn has_filters(request: &RangeRequest) -> bool {
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    filters.iter().any(|&revision| revision != 0)
}
