//! [`Versions`]: who appended which element, and in which order the elements of each key came.
//!
//! The order of a key is the longest list that was read. Elements that nobody saw came after it, if at all. Where
//! several lists are the longest, reads contradict each other, and each of the lists may be the order.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Op, Transaction};

use super::Undecided;

/// A transaction, by its place in the history.
pub(super) type Id = u32;

/// An element that was to be appended.
pub(super) struct Append {
    pub(super) writer: Id,
    /// Whether its transaction appended nothing more to the key.
    pub(super) last: bool,
    /// Where it stands in the order of its key, if anybody saw it.
    pub(super) position: Option<u32>,
}

/// The order of a key.
#[derive(Default)]
pub(super) struct Order<'h> {
    /// The longest lists that were read, as they were read.
    longest: Vec<&'h [u64]>,
    /// The elements of the one that is taken for the order, each once.
    pub(super) elements: Vec<u64>,
    /// Who may have appended what nobody saw.
    pub(super) unseen: Vec<(Id, u64)>,
}

/// How many orders are tried.
const CHOICES: usize = 4;

pub(super) struct Versions<'h> {
    history: &'h [Transaction],
    appends: HashMap<(u64, u64), Append>,
    orders: BTreeMap<u64, Order<'h>>,
}

impl<'h> Order<'h> {
    /// The first of the longest lists.
    pub(super) fn longest(&self) -> &'h [u64] {
        self.longest.first().copied().unwrap_or_default()
    }

    fn read(&mut self, list: &'h [u64]) {
        if list.len() > self.longest().len() {
            self.longest.clear();
        }
        if list.len() >= self.longest().len() && !self.longest.contains(&list) {
            self.longest.push(list);
        }
    }
}

impl<'h> Versions<'h> {
    pub(super) fn of(history: &'h [Transaction]) -> Result<Self, Undecided> {
        let mut versions = Self { history, appends: HashMap::new(), orders: BTreeMap::new() };
        for (id, transaction) in (0..).zip(history) {
            versions.append(id, transaction)?;
            for (key, list) in transaction.reads() {
                versions.orders.entry(key).or_default().read(list);
            }
        }
        versions.choose(0);
        Ok(versions)
    }

    /// How many orders a key has at most: more than one only if reads contradict each other.
    pub(super) fn choices(&self) -> usize {
        self.orders.values().map(|order| order.longest.len()).max().unwrap_or_default().clamp(1, CHOICES)
    }

    /// Takes the list of this number for the order of each key.
    pub(super) fn choose(&mut self, choice: usize) {
        self.appends.values_mut().for_each(|append| append.position = None);
        for (key, order) in &mut self.orders {
            order.elements.clear();
            order.unseen.clear();
            for element in order.longest.iter().cycle().nth(choice).copied().unwrap_or_default() {
                match self.appends.get_mut(&(*key, *element)) {
                    Some(Append { position: Some(_), .. }) => continue,
                    Some(append) => append.position = u32::try_from(order.elements.len()).ok(),
                    None => {}
                }
                order.elements.push(*element);
            }
        }
        let possible = (0..).zip(self.history).filter(|(_, transaction)| transaction.ok != Some(false));
        for (id, transaction) in possible {
            for (key, element) in transaction.appends() {
                if self.appends[&(key, element)].position.is_none() {
                    self.orders.entry(key).or_default().unseen.push((id, element));
                }
            }
        }
    }

    fn append(&mut self, writer: Id, transaction: &Transaction) -> Result<(), Undecided> {
        let mut last = HashMap::new();
        for (key, element) in transaction.appends() {
            let append = Append { writer, last: true, position: None };
            if self.appends.insert((key, element), append).is_some() {
                return Err(Undecided(format!("{element} was appended to key {key} more than once")));
            }
            if let Some(before) = last.insert(key, element) {
                self.appends.get_mut(&(key, before)).expect("what was just appended").last = false;
            }
        }
        Ok(())
    }

    /// The append of an element, if there was one.
    pub(super) fn of_element(&self, key: u64, element: u64) -> Option<&Append> {
        self.appends.get(&(key, element))
    }

    /// The order of a key that was read or appended to.
    pub(super) fn order(&self, key: u64) -> Option<&Order<'h>> {
        self.orders.get(&key)
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = (u64, &Order<'h>)> {
        self.orders.iter().map(|(key, order)| (*key, order))
    }
}

impl Transaction {
    /// What it appended.
    pub(super) fn appends(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ops.iter().filter_map(|op| match op {
            Op::Append(key, element) => Some((*key, *element)),
            Op::Read(..) => None,
        })
    }

    /// The lists that it read, if it was applied for sure.
    pub(super) fn reads(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let applied = self.ok == Some(true);
        self.ops.iter().filter(move |_| applied).filter_map(|op| match op {
            Op::Append(..) => None,
            Op::Read(key, list) => Some((*key, list.as_deref().unwrap_or_default())),
        })
    }
}
