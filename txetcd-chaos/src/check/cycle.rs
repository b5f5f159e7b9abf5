//! The smallest cycle of each kind in a graph.
//!
//! A history has a cycle if and only if a component of its graph has more than one node, so whether it is valid is
//! always decided. Which kinds of cycle there are is looked for within a bound of work; where it is used up, at least
//! one cycle of each component is still found.

mod search;
mod shape;

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, Cycle, Step};
use super::component::components;
use super::graph::{Graph, Link, Node};
use super::relations::Relations;

use search::Search;
use shape::{kind_of, shapes};

/// How many links are followed for a kind in a component.
const BOUND: usize = 5_000_000;

/// A cycle of each kind that is there: the smallest of all components.
pub(super) fn anomalies(graph: &Graph, relations: &Relations<'_, '_>) -> Vec<Anomaly> {
    let mut smallest = BTreeMap::new();
    let mut number = vec![u32::MAX; graph.nodes() as usize];
    for mut component in components(graph) {
        component.sort_unstable();
        let part = graph.part(&component, &mut number);
        let mut search = Search::new(&part, BOUND);
        let mut found: Vec<_> = shapes().filter_map(|shape| search.smallest(shape)).collect();
        if found.is_empty() {
            found.push(any(&part));
        }
        for cycle in found {
            let kind = kind_of(&cycle);
            let cycle: Vec<_> =
                cycle.into_iter().map(|(node, link)| (component[node as usize], link)).collect();
            let known = smallest.entry(kind).or_insert_with(|| cycle.clone());
            if cycle.len() < known.len() {
                *known = cycle;
            }
        }
    }
    let told = |(kind, cycle): (_, Vec<_>)| Anomaly {
        kind,
        cycle: Some(told(&cycle, graph, relations)),
        seen: String::new(),
    };
    smallest.into_iter().map(told).collect()
}

/// Some cycle of a component: on from any node, until one is there for the second time.
fn any(part: &Graph) -> Vec<(Node, Link)> {
    let mut way: Vec<(Node, Link)> = Vec::new();
    let mut place = vec![None; part.nodes() as usize];
    let mut node = 0;
    loop {
        if let Some(first) = place[node as usize].replace(way.len()) {
            return way.split_off(first);
        }
        let (next, link) = part.from(node)[0];
        way.push((node, link));
        node = next;
    }
}

/// A cycle of nodes and what leads on from each, as one of transactions.
fn told(cycle: &[(Node, Link)], graph: &Graph, relations: &Relations<'_, '_>) -> Cycle {
    let own: Vec<_> = cycle.iter().filter(|(node, _)| graph.is_transaction(*node)).collect();
    let steps = own.iter().enumerate().map(|(at, (from, link))| {
        let (to, _) = own[(at + 1) % own.len()];
        let relation = link.relation();
        Step { from: *from, relation, to: *to, because: relations.because(*from, relation, *to) }
    });
    Cycle(steps.collect())
}
