//! [`Tree`]: the objects that a pickle made, by number.
//!
//! Python shares objects, and a list may even contain itself. Numbers instead of ownership keep memory in
//! proportion to the stored bytes, and keep dropping flat.

use super::error::ReadError;

/// The number of an object.
pub(super) type Id = u32;

/// One object.
#[derive(Debug)]
pub(super) enum Node<'de> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    /// A list, tuple or set.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
}

/// All objects of a pickle, and which of them it is the pickle of.
#[derive(Debug)]
pub(super) struct Tree<'de> {
    pub(super) nodes: Vec<Node<'de>>,
    pub(super) root: Id,
}

impl<'de> Tree<'de> {
    pub(super) fn node(&self, id: Id) -> &Node<'de> {
        &self.nodes[id as usize]
    }

    /// Refuses deep nesting. For trees without shared objects, which are what `serde-pickle` writes.
    pub(super) fn check_depth(&self, max: usize) -> Result<(), ReadError> {
        let mut level = vec![self.root];
        for _ in 0..=max {
            let mut next = Vec::new();
            for id in level {
                match self.node(id) {
                    Node::List(items) => next.extend(items),
                    Node::Dict(entries) => next.extend(entries.iter().flat_map(|&(key, value)| [key, value])),
                    _ => {}
                }
            }
            if next.is_empty() {
                return Ok(());
            }
            level = next;
        }
        Err(ReadError::new("the value is nested too deeply"))
    }
}
