//! Bugs that are planted on purpose, to see that what looks for bugs finds them: `txetcd-chaos -- teeth`.
//!
//! Where one is planted, the code asks [`planted`]. That is `false` for the compiler, and nothing is left of it, unless the
//! whole workspace is built with `--cfg txetcd_teeth`; then the environment variable [`PLANTED`] names the one bug of the
//! process. No build for production can have them: they need debug assertions.

#[cfg(all(txetcd_teeth, not(debug_assertions)))]
compile_error!("bugs are planted on purpose only in builds with debug assertions: `--profile teeth`");

/// The environment variable that names the bug.
pub const PLANTED: &str = "TXETCD_PLANTED";

/// Makes the list of bugs: their names, and what each of them does.
macro_rules! bugs {
    ($($bug:ident $what:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];

            /// What it does.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => $what,)*
                }
            }
        }
    };
}

bugs! {
    OnlyWrittenGuarded "of what was read, only keys that are written are guarded",
    VersionGuards "guards compare `version`, which begins anew with a deleted key",
    NoRangeGuards "no guards on ranges: what is inserted is not seen",
    NoRowGuardsInRanges "no guards on the rows of ranges: what is deleted is not seen",
    NoAbsentGuards "no guards on rows that must be absent",
    NoGenerations "deletions do not put the table's generation",
    NoLockGuards "no guards on locks",
    LaterReadsAnywhere "later reads are not of the first one's revision",
    StaleReads "transactions that only read do so in the cache",
    EmptyUnvalidated "cached reads are not validated if nothing is written",
    ErrorUnvalidated "a closure's error is returned though what it read in the cache may be stale",
    NoFence "a request does not compare its lane, so no fence keeps it out",
    ResolvedByReading "what became of a lost answer is found out by a read, without a fence",
    LostIsNotApplied "a request whose answer was lost is sent again",
    LostIsApplied "a request whose answer was lost is taken for applied",
    UnavailableIsRepeated "the client repeats writes on `Unavailable`",
    LaneDropped "the lane's key is deleted while a lost request may be on its way",
    WitnessesIgnored "if the answer to nested units is lost, all are taken for applied",
    UnitsMeet "units of a request write what others of it read",
    UnseenWrites "nobody need have seen what those before them in a unit write",
    AnsweredEarly "who has read what another one is about to write is answered before that one",
    CacheMovesOn "the cache moves on under what relies on it and can be read",
    DisturbanceForgotten "what was changed and changed back before a commit may be read in between",
    StoreBesideVersions "of what the process has committed since its copy's revision, other tables tell nothing beside it",
    UnseenComesFirst "what others see lies over rows that lack what the process has committed before",
    IndexApart "a row and its index entries are two commits",
    WatchResumesLate "a watch resumes one revision late",
    FragmentIsWhole "a fragment of a watch's message is taken for the whole",
    PushAsksItem "a push whose answer was lost asks its item, not its witness",
}

/// Whether this bug is planted.
#[cfg(not(txetcd_teeth))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is planted.
#[cfg(txetcd_teeth)]
pub fn planted(bug: Bug) -> bool {
    static ONE: std::sync::OnceLock<Option<Bug>> = std::sync::OnceLock::new();
    let of_name = |name: String| Bug::ALL.iter().copied().find(|bug| format!("{bug:?}") == name);
    *ONE.get_or_init(|| std::env::var(PLANTED).ok().map(|name| of_name(name).expect("the name of a bug")))
        == Some(bug)
}

#[cfg(all(test, not(txetcd_teeth)))]
mod tests {
    use super::{Bug, planted};

    #[test]
    fn no_bug_is_planted_in_a_usual_build() {
        assert!(Bug::ALL.iter().all(|bug| !planted(*bug)));
    }
}
