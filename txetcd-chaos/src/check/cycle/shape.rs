//! [`Shape`]: what a cycle of a kind looks like, as an automaton that walks along it.

use crate::check::anomaly::Kind;
use crate::check::graph::{Link, Node};
use crate::check::relations::Relation;

/// What a cycle must be made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    form: Form,
    /// Whether real time is a part of it, or must not be.
    realtime: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// ww only.
    Writes,
    /// ww and wr, and at least one wr.
    Information,
    /// Exactly one rw.
    Single,
    /// Several rw, none next to another.
    Nonadjacent,
    /// Several rw, two of them next to each other.
    Adjacent,
}

/// All shapes. Every cycle has one of them.
pub(super) fn shapes() -> impl Iterator<Item = Shape> {
    let forms = [Form::Writes, Form::Information, Form::Single, Form::Nonadjacent, Form::Adjacent];
    [false, true].into_iter().flat_map(move |realtime| forms.map(|form| Shape { form, realtime }))
}

/// What the walk has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct State {
    /// The last link was an rw.
    after_rw: bool,
    /// There was a second rw.
    second_rw: bool,
    /// There was real time.
    realtime: bool,
}

impl State {
    /// How many states there are.
    pub(super) const COUNT: usize = 8;

    pub(super) fn number(self) -> usize {
        usize::from(self.after_rw) | usize::from(self.second_rw) << 1 | usize::from(self.realtime) << 2
    }
}

impl Shape {
    /// Whether a walk may begin with this link, which is one that each cycle of the shape has.
    pub(super) fn begins(self, link: Link) -> Option<State> {
        let wanted = match self.form {
            Form::Writes => Relation::WriteWrite,
            Form::Information => Relation::WriteRead,
            Form::Single | Form::Nonadjacent | Form::Adjacent => Relation::ReadWrite,
        };
        let state = State { after_rw: wanted == Relation::ReadWrite, ..State::default() };
        (link == Link::Data(wanted)).then_some(state)
    }

    /// The state after a link, if the shape allows it.
    pub(super) fn goes_on(self, state: State, link: Link) -> Option<State> {
        let relation = link.relation();
        let allowed = match (self.form, relation) {
            (Form::Adjacent, relation) if !state.second_rw => relation == Relation::ReadWrite,
            (_, Relation::WriteWrite) | (Form::Adjacent, Relation::ReadWrite) => true,
            (form, Relation::WriteRead) => form != Form::Writes,
            (form, Relation::ReadWrite) => form == Form::Nonadjacent && !state.after_rw,
            (_, Relation::RealTime) => self.realtime,
        };
        allowed.then(|| State {
            after_rw: relation == Relation::ReadWrite,
            second_rw: state.second_rw || relation == Relation::ReadWrite,
            realtime: state.realtime || relation == Relation::RealTime,
        })
    }

    /// Whether a walk that is back where it began is a cycle of the shape.
    pub(super) fn ends(self, state: State) -> bool {
        let is_whole = match self.form {
            Form::Writes | Form::Information | Form::Single => true,
            Form::Nonadjacent => state.second_rw && !state.after_rw,
            Form::Adjacent => state.second_rw,
        };
        is_whole && state.realtime == self.realtime
    }
}

/// The kind of a cycle of nodes and what leads on from each.
pub(super) fn kind_of(cycle: &[(Node, Link)]) -> Kind {
    let relations: Vec<_> = cycle.iter().map(|(_, link)| link.relation()).collect();
    let count = |wanted| relations.iter().filter(|relation| **relation == wanted).count();
    let is_rw = |at: usize| relations[at % relations.len()] == Relation::ReadWrite;
    let realtime = count(Relation::RealTime) > 0;
    match (count(Relation::ReadWrite), count(Relation::WriteRead)) {
        (0, 0) => Kind::G0 { realtime },
        (0, _) => Kind::G1c { realtime },
        (1, _) => Kind::GSingle { realtime },
        _ if (0..relations.len()).any(|at| is_rw(at) && is_rw(at + 1)) => Kind::G2 { realtime },
        _ => Kind::GNonadjacent { realtime },
    }
}
