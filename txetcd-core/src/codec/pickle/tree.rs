//! [`Tree`]: the objects that a pickle made, by number.
//!
//! Python shares objects, and a list may even contain itself. Numbers instead of ownership keep memory in
//! proportion to the stored bytes, and keep dropping flat.

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
}
