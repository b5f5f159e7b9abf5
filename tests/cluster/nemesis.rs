//! [`Nemesis`]: faults drawn from a seed, one after the other, each of which heals before the next.

use std::time::Duration;

use crate::cluster::{Cluster, MEMBERS};
use crate::proxy::Mode;
use crate::random::Random;

/// What is done to a member, and undone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Killed, and started again.
    Kill,
    /// Stopped (SIGSTOP), and continued.
    Pause,
    /// Connections from clients are closed.
    Cut,
    /// Connections from clients are silent.
    Hold,
    /// What passes between clients and the member is late.
    Delay,
    /// Cut off from the other members, but not from clients.
    Isolate,
}

const FAULTS: [Fault; 6] = [Fault::Kill, Fault::Pause, Fault::Cut, Fault::Hold, Fault::Delay, Fault::Isolate];

pub(crate) struct Nemesis {
    random: Random,
    /// How long a fault lasts at most.
    longest: Duration,
    turn: usize,
}

impl Nemesis {
    pub(crate) fn new(seed: u64, longest: Duration) -> Self {
        let mut random = Random::new(seed);
        let turn = random.below(FAULTS.len() as u64) as usize;
        Self { random, longest, turn }
    }

    /// Does one fault to one member, undoes it, and waits until the cluster is healthy again. All kinds have their
    /// turn; the member and the time are drawn.
    pub(crate) async fn strike(&mut self, cluster: &mut Cluster) {
        let fault = FAULTS[self.turn % FAULTS.len()];
        self.turn += 1;
        let member = self.random.below(MEMBERS as u64) as usize;
        let longest = self.longest.as_millis() as u64;
        let lasts = Duration::from_millis(longest / 4 + self.random.below(longest * 3 / 4));
        println!("{fault:?} of member {member} for {lasts:?}");
        match fault {
            Fault::Kill => cluster.member(member).kill(),
            Fault::Pause => cluster.member(member).pause(),
            Fault::Cut => cluster.set_clients(member, Mode::Cut),
            Fault::Hold => cluster.set_clients(member, Mode::Hold),
            Fault::Delay => cluster.set_clients(member, Mode::Delay(Duration::from_millis(20))),
            Fault::Isolate => cluster.isolate(member),
        }
        tokio::time::sleep(lasts).await;
        match fault {
            Fault::Kill => cluster.member(member).start(),
            Fault::Pause => cluster.member(member).resume(),
            Fault::Cut | Fault::Hold | Fault::Delay => cluster.set_clients(member, Mode::Pass),
            Fault::Isolate => cluster.rejoin(),
        }
        cluster.healthy().await;
    }
}
