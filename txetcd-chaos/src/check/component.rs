//! The parts of a graph in which every node leads to every other: where all its cycles are.

use super::graph::{Graph, Node};

/// The strongly connected components of more than one node, by Tarjan's algorithm. It keeps its own stack: a
/// component may be as long as the history.
pub(super) fn components(graph: &Graph) -> Vec<Vec<Node>> {
    const NEW: u32 = u32::MAX;
    let nodes = graph.nodes();
    let mut order = vec![NEW; nodes as usize];
    // The earliest node on `open` that a node leads to.
    let mut low = vec![0; nodes as usize];
    let mut is_open = vec![false; nodes as usize];
    let (mut open, mut path, mut components) = (Vec::new(), Vec::new(), Vec::new());
    let mut visited = 0;
    for root in 0..nodes {
        if order[root as usize] == NEW {
            path.push((root, 0));
        }
        while let Some((node, link)) = path.last_mut() {
            let (node, at) = (*node, *link);
            let own = node as usize;
            if at == 0 {
                (order[own], low[own], is_open[own]) = (visited, visited, true);
                visited += 1;
                open.push(node);
            }
            if let Some((to, _)) = graph.from(node).get(at) {
                *link += 1;
                let to = *to as usize;
                if order[to] == NEW {
                    path.push((to as Node, 0));
                } else if is_open[to] {
                    low[own] = low[own].min(order[to]);
                }
                continue;
            }
            path.pop();
            if let Some((above, _)) = path.last() {
                let above = *above as usize;
                low[above] = low[above].min(low[own]);
            }
            if low[own] == order[own] {
                let start = open.iter().rposition(|other| *other == node).expect("an open node");
                let component = open.split_off(start);
                component.iter().for_each(|node| is_open[*node as usize] = false);
                if component.len() > 1 {
                    components.push(component);
                }
            }
        }
    }
    components
}
