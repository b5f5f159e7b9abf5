//! Takes out of an answer what may differ between servers: their ids, and where their revisions began.

use etcd_client::proto::{
    PbCompactionResponse, PbDeleteResponse, PbEvent, PbKeyValue, PbLeaseGrantResponse, PbLeaseRevokeResponse,
    PbLeaseTimeToLiveResponse, PbPutResponse, PbRangeResponse, PbResponseHeader, PbTxnOpResponse,
    PbTxnResponse,
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
