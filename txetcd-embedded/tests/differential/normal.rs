//! Takes out of an answer what may differ between servers: their ids, and where their revisions began.

use etcd_client::proto::{
    PbAlarmResponse, PbCompactionResponse, PbDeleteResponse, PbEvent, PbHashKvResponse, PbKeyValue,
    PbLeaseGrantResponse, PbLeaseRevokeResponse, PbLeaseTimeToLiveResponse, PbMemberListResponse,
    PbPutResponse, PbRangeResponse, PbResponseHeader, PbStatusResponse, PbTxnOpResponse, PbTxnResponse,
    PbWatchResponse,
};

/// An answer that can be brought to a common form, its revisions counted from `base`.
pub(crate) trait Normal {
    fn normalize(&mut self, base: i64);
}

fn shift(revision: &mut i64, base: i64) {
    if *revision != 0 {
        *revision -= base;
    }
}

impl Normal for PbResponseHeader {
    fn normalize(&mut self, base: i64) {
        // Whether they are there at all is the same everywhere.
        self.cluster_id = self.cluster_id.min(1);
        self.member_id = self.member_id.min(1);
        self.raft_term = self.raft_term.min(1);
        shift(&mut self.revision, base);
    }
}

impl Normal for PbKeyValue {
    fn normalize(&mut self, base: i64) {
        shift(&mut self.create_revision, base);
        shift(&mut self.mod_revision, base);
    }
}

impl<T: Normal> Normal for Option<T> {
    fn normalize(&mut self, base: i64) {
        self.iter_mut().for_each(|inner| inner.normalize(base));
    }
}

impl<T: Normal> Normal for Vec<T> {
    fn normalize(&mut self, base: i64) {
        self.iter_mut().for_each(|inner| inner.normalize(base));
    }
}

macro_rules! normal {
    ($($message:ty: $($field:ident),*;)*) => {
        $(impl Normal for $message {
            fn normalize(&mut self, base: i64) {
                $(self.$field.normalize(base);)*
            }
        })*
    };
}

normal! {
    PbRangeResponse: header, kvs;
    PbPutResponse: header, prev_kv;
    PbDeleteResponse: header, prev_kvs;
    PbCompactionResponse: header;
    PbLeaseGrantResponse: header;
    PbLeaseRevokeResponse: header;
    PbEvent: kv, prev_kv;
    PbAlarmResponse: header;
}

impl Normal for PbWatchResponse {
    fn normalize(&mut self, base: i64) {
        self.header.normalize(base);
        shift(&mut self.compact_revision, base);
        self.events.normalize(base);
    }
}

impl Normal for PbHashKvResponse {
    fn normalize(&mut self, base: i64) {
        self.header.normalize(base);
        // Of a store's own way to keep what it has.
        self.hash = 0;
        shift(&mut self.hash_revision, base);
        // What was compacted before the sequence is different.
        self.compact_revision = (self.compact_revision - base).max(0);
    }
}

/// What does not tell of a server's storage, its log or its version.
impl Normal for PbStatusResponse {
    fn normalize(&mut self, base: i64) {
        let member = self.header.as_ref().map_or(0, |header| header.member_id);
        self.header.normalize(base);
        self.leader = i64::from(self.leader == member).unsigned_abs();
        let consistent = 0 < self.db_size_in_use
            && self.db_size_in_use <= self.db_size
            && 0 < self.raft_applied_index
            && self.raft_applied_index <= self.raft_index;
        *self = Self {
            header: self.header.take(),
            leader: self.leader,
            is_learner: self.is_learner,
            errors: std::mem::take(&mut self.errors),
            db_size: i64::from(consistent),
            ..Self::default()
        };
    }
}

impl Normal for PbMemberListResponse {
    fn normalize(&mut self, base: i64) {
        let own = self.header.as_ref().map_or(0, |header| header.member_id);
        self.header.normalize(base);
        for member in &mut self.members {
            member.id = i64::from(member.id == own).unsigned_abs();
            member.name = format!("empty: {}", member.name.is_empty());
            // The addresses of a member that is reached without any are its own affair.
            member.peer_ur_ls.clear();
            member.client_ur_ls.clear();
        }
    }
}

impl Normal for PbLeaseTimeToLiveResponse {
    fn normalize(&mut self, base: i64) {
        self.header.normalize(base);
        // The time that is left depends on when it was asked for.
        self.ttl = self.ttl.signum();
        self.keys.sort();
    }
}

impl Normal for PbTxnResponse {
    fn normalize(&mut self, base: i64) {
        self.header.normalize(base);
        for response in &mut self.responses {
            match &mut response.response {
                Some(PbTxnOpResponse::ResponseRange(response)) => response.normalize(base),
                Some(PbTxnOpResponse::ResponsePut(response)) => response.normalize(base),
                Some(PbTxnOpResponse::ResponseDeleteRange(response)) => response.normalize(base),
                Some(PbTxnOpResponse::ResponseTxn(response)) => response.normalize(base),
                None => {}
            }
        }
    }
}
