//! Get, put and delete: the requests as data, and the builders that [`Client`](crate::Client) gives out.
//!
//! A request is plain data so that it can be sent alone or stand in a transaction ([`Op`](crate::Op)); the
//! builder is the request with the client that will send it, and is awaited.

mod delete;
mod get;
mod put;

pub use delete::{Delete, DeleteRequest, DeleteResponse};
pub use get::{Get, GetRequest, GetResponse, SortBy};
pub use put::{Put, PutRequest, PutResponse};

/// The options of a request, given to its builder as well.
macro_rules! options {
    ($request:ident, $builder:ident {
        $($(#[$meta:meta])* $name:ident($($argument:ident: $type:ty),*) |$this:ident| $body:expr;)*
    }) => {
        impl $request {
            $($(#[$meta])* pub fn $name(mut self, $($argument: $type),*) -> Self {
                { let $this = &mut self; $body; }
                self
            })*
        }

        impl $builder<'_> {
            $($(#[$meta])* pub fn $name(mut self, $($argument: $type),*) -> Self {
                self.request = self.request.$name($($argument),*);
                self
            })*

            /// How long this request may take, repeats included, instead of the client's request timeout.
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.timeout = Some(timeout);
                self
            }
        }
    };
}
use options;
