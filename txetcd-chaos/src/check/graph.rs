//! [`Graph`]: transactions and what orders them, in a form that takes little memory.
//!
//! The first nodes are the transactions of the history. The others are moments: who ended before a moment comes before
//! who began after it. So real time takes a few links for each transaction, not one for each pair.

mod real_time;

use super::relations::{Dependency, Relation, Relations};

/// A node: a transaction, or after those a moment.
pub(super) type Node = u32;

/// What leads from a node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// From a transaction to another.
    Data(Relation),
    /// From a transaction to a moment after its end.
    Ended,
    /// From a moment to a later one.
    Passed,
    /// From a moment to a transaction that began after it.
    Began,
}

impl Link {
    pub(super) fn relation(self) -> Relation {
        match self {
            Self::Data(relation) => relation,
            Self::Ended | Self::Passed | Self::Began => Relation::RealTime,
        }
    }

    /// What it adds to the number of transactions on a way.
    pub(super) fn length(self) -> u32 {
        u32::from(matches!(self, Self::Data(_) | Self::Ended))
    }
}

pub(super) struct Graph {
    transactions: u32,
    /// Where the links of each node begin.
    first: Vec<u32>,
    links: Vec<(Node, Link)>,
}

impl Graph {
    pub(super) fn of(relations: &Relations<'_, '_>) -> Self {
        let transactions = u32::try_from(relations.history.len()).expect("a history that was looked at");
        let mut found = Vec::new();
        for id in 0..transactions {
            relations.of(id, |Dependency { from, to, relation, .. }| {
                let failed = relations.history[from as usize].ok == Some(false);
                if from != to && !failed {
                    found.push((from, to, Link::Data(relation)));
                }
            });
        }
        let moments = real_time::links(relations.history, |from, to, link| found.push((from, to, link)));
        Self::new(transactions, transactions + moments, &found)
    }

    /// A graph of so many nodes, the first of which are transactions.
    pub(super) fn new(transactions: u32, nodes: u32, found: &[(Node, Node, Link)]) -> Self {
        let mut first = vec![0; nodes as usize + 1];
        for (from, ..) in found {
            first[*from as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut links = vec![(0, Link::Passed); found.len()];
        for (from, to, link) in found {
            links[next[*from as usize] as usize] = (*to, *link);
            next[*from as usize] += 1;
        }
        Self { transactions, first, links }
    }

    pub(super) fn nodes(&self) -> u32 {
        self.first.len() as u32 - 1
    }

    pub(super) fn is_transaction(&self, node: Node) -> bool {
        node < self.transactions
    }

    pub(super) fn from(&self, node: Node) -> &[(Node, Link)] {
        &self.links[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// The part between these nodes, numbered as they are listed. Transactions are listed first.
    pub(super) fn part(&self, nodes: &[Node], number: &mut [u32]) -> Self {
        const OUTSIDE: u32 = u32::MAX;
        for (at, node) in (0..).zip(nodes) {
            number[*node as usize] = at;
        }
        let mut found = Vec::new();
        for (from, node) in (0..).zip(nodes) {
            let inside = self.from(*node).iter().map(|(to, link)| (from, number[*to as usize], *link));
            found.extend(inside.filter(|(_, to, _)| *to != OUTSIDE));
        }
        for node in nodes {
            number[*node as usize] = OUTSIDE;
        }
        let transactions = nodes.iter().filter(|node| self.is_transaction(**node)).count();
        Self::new(transactions as u32, nodes.len() as u32, &found)
    }
}
