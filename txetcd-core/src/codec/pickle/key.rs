//! Whether a key is in a dict twice.

use super::error::ReadError;
use super::read::Budget;
use super::tree::{Id, Node, Tree};
use crate::codec::limit::{MAX_DEPTH, TOO_DEEP};

/// A part of a key; a tuple is its length and its elements.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'de> {
    None,
    Bool(bool),
    Int(i128),
    Float(u64),
    Text(&'de str),
    Bytes(&'de [u8]),
    Tuple(usize),
}

/// Refuses a dict in which two keys are the same.
pub(super) fn check(tree: &Tree<'_>, entries: &[(Id, Id)], budget: &Budget) -> Result<(), ReadError> {
    let mut keys = Vec::with_capacity(entries.len());
    for &(key, _) in entries {
        let mut parts = Vec::with_capacity(1);
        flatten(tree, key, MAX_DEPTH, budget, &mut parts)?;
        keys.push(parts);
    }
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ReadError::new("a dict has a key twice"));
    }
    Ok(())
}

fn flatten<'de>(
    tree: &Tree<'de>,
    id: Id,
    depth: usize,
    budget: &Budget,
    parts: &mut Vec<Part<'de>>,
) -> Result<(), ReadError> {
    budget.spend(1)?;
    parts.push(match tree.node(id) {
        Node::None => Part::None,
        Node::Bool(bool) => Part::Bool(*bool),
        Node::Int(int) => Part::Int(*int),
        Node::Float(float) => Part::Float(float.to_bits()),
        Node::Text(text) => Part::Text(text),
        Node::Bytes(bytes) => Part::Bytes(bytes),
        Node::List(items) => {
            parts.push(Part::Tuple(items.len()));
            let depth = depth.checked_sub(1).ok_or_else(|| ReadError::new(TOO_DEEP))?;
            return items.iter().try_for_each(|&item| flatten(tree, item, depth, budget, parts));
        }
        Node::Dict(_) => return Err(ReadError::new("a dict cannot be a key")),
    });
    Ok(())
}
