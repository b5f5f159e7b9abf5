//! [`Search`]: shortest walks along a graph that have a shape.

use std::collections::{HashSet, VecDeque};

use super::shape::{Shape, State};
use crate::check::graph::{Graph, Link, Node};

/// A graph, and what a walk through it needs, kept from walk to walk.
pub(super) struct Search<'g> {
    graph: &'g Graph,
    bound: usize,
    /// For each node in each state: the walk that came there last, how far it had gone, and where it came from.
    reached: Vec<Reached>,
    walk: u32,
}

#[derive(Clone, Copy)]
struct Reached {
    walk: u32,
    length: u32,
    from: Option<(Node, State)>,
    by: Link,
}

impl<'g> Search<'g> {
    /// Each kind may follow so many links.
    pub(super) fn new(graph: &'g Graph, bound: usize) -> Self {
        let nothing = Reached { walk: 0, length: 0, from: None, by: Link::Passed };
        Self { graph, bound, reached: vec![nothing; graph.nodes() as usize * State::COUNT], walk: 0 }
    }

    /// The cycle of the shape with the fewest transactions, as nodes and what leads on from each.
    pub(super) fn smallest(&mut self, shape: Shape) -> Option<Vec<(Node, Link)>> {
        let mut smallest: Option<Vec<(Node, Link)>> = None;
        let (mut shortest, mut left) = (u32::MAX, self.bound);
        for node in (0..self.graph.nodes()).filter(|node| self.graph.is_transaction(*node)) {
            for (to, link) in self.graph.from(node) {
                let Some(state) = shape.begins(*link) else { continue };
                if let Some((cycle, length)) =
                    self.walk(shape, node, (*to, state, *link), shortest, &mut left)
                {
                    (smallest, shortest) = (Some(cycle), length);
                }
                if left == 0 || shortest == 2 {
                    return smallest;
                }
            }
        }
        smallest
    }

    /// Goes from a node along its link and back to it, shorter than `shortest`.
    fn walk(
        &mut self,
        shape: Shape,
        start: Node,
        (second, state, link): (Node, State, Link),
        shortest: u32,
        left: &mut usize,
    ) -> Option<(Vec<(Node, Link)>, u32)> {
        self.walk += 1;
        self.reach((second, state), 1, None, link);
        // Only links to transactions and to moments after their ends count, so what costs nothing goes first.
        let mut waiting = VecDeque::from([(second, state)]);
        while let Some((node, state)) = waiting.pop_front() {
            let length = self.reached[place(node, state)].length;
            for (to, link) in self.graph.from(node) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    return None;
                }
                let cost = link.length();
                let Some(next) = shape.goes_on(state, *link) else { continue };
                if length + cost >= shortest {
                    continue;
                }
                if *to == start {
                    if shape.ends(next) {
                        let cycle = self.back(start, (node, state), *link);
                        return is_simple(&cycle).then_some((cycle, length + cost));
                    }
                } else if self.reach((*to, next), length + cost, Some((node, state)), *link) {
                    if cost == 0 {
                        waiting.push_front((*to, next));
                    } else {
                        waiting.push_back((*to, next));
                    }
                }
            }
        }
        None
    }

    /// Notes a way to a node, if it is the first or shorter.
    fn reach(
        &mut self,
        (node, state): (Node, State),
        length: u32,
        from: Option<(Node, State)>,
        by: Link,
    ) -> bool {
        let reached = &mut self.reached[place(node, state)];
        let is_better = reached.walk != self.walk || length < reached.length;
        if is_better {
            *reached = Reached { walk: self.walk, length, from, by };
        }
        is_better
    }

    /// The nodes of the walk from the start to `last`, each with what leads on from it.
    fn back(&self, start: Node, last: (Node, State), closing: Link) -> Vec<(Node, Link)> {
        let (mut cycle, mut at, mut link) = (Vec::new(), last, closing);
        loop {
            cycle.push((at.0, link));
            let reached = self.reached[place(at.0, at.1)];
            link = reached.by;
            match reached.from {
                Some(from) => at = from,
                None => break,
            }
        }
        cycle.push((start, link));
        cycle.reverse();
        cycle
    }
}

fn place(node: Node, state: State) -> usize {
    node as usize * State::COUNT + state.number()
}

/// Whether no node is passed twice. A walk that must see something may make a detour for it.
fn is_simple(cycle: &[(Node, Link)]) -> bool {
    let mut seen = HashSet::new();
    cycle.iter().all(|(node, _)| seen.insert(node))
}
