//! [`Nemesis`]: faults drawn from a seed, one after the other, each of which heals before the next.

use std::time::Duration;

use fastrand::Rng;

use super::{Cluster, MEMBERS, Mode};

/// What is done to a member, and undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Killed, and started again.
    Kill,
    /// Asked to end, and started again.
    Restart,
    /// Stopped (SIGSTOP), and continued.
    Pause,
    /// Connections from clients are closed.
    Cut,
    /// Connections from clients are silent.
    Hold,
    /// Connections from clients are silent in one direction.
    HalfCut,
    /// What passes between clients and the member is late.
    Delay,
    /// Cut off from the other members, but not from clients.
    Isolate,
    /// Cut off from everybody.
    Partition,
    /// Removed with its data; a new one comes in its place.
    Replace,
    /// Its file is compacted, during which it does nothing else.
    Defragment,
}

/// All faults.
pub const FAULTS: [Fault; 11] = [
    Fault::Kill,
    Fault::Pause,
    Fault::Cut,
    Fault::Hold,
    Fault::Delay,
    Fault::Isolate,
    Fault::Restart,
    Fault::HalfCut,
    Fault::Partition,
    Fault::Replace,
    Fault::Defragment,
];

/// Does faults to a cluster.
pub struct Nemesis {
    random: Rng,
    /// How long a fault lasts at most.
    longest: Duration,
    faults: Vec<Fault>,
    turn: usize,
}

impl Nemesis {
    /// One that does these faults, each of which lasts so long at most.
    pub fn new(seed: u64, longest: Duration, faults: &[Fault]) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut faults = faults.to_vec();
        random.shuffle(&mut faults);
        Self { random, longest, faults, turn: 0 }
    }

    /// Does one fault to one member, undoes it, and waits until the cluster is healthy again. All kinds have their
    /// turn; the member and the time are drawn.
    pub async fn strike(&mut self, cluster: &mut Cluster) -> Fault {
        let fault = self.faults[self.turn % self.faults.len()];
        self.turn += 1;
        let member = self.random.usize(..MEMBERS);
        let longest = self.longest.as_millis() as u64;
        let lasts = Duration::from_millis(longest / 4 + self.random.u64(..longest * 3 / 4));
        println!("{fault:?} of member {member} for {lasts:?}");
        match fault {
            Fault::Kill => cluster.member(member).kill(),
            Fault::Restart => cluster.member(member).terminate(),
            Fault::Pause => cluster.member(member).pause(),
            Fault::Cut => cluster.set_clients(member, Mode::Cut),
            Fault::Hold => cluster.set_clients(member, Mode::Hold),
            Fault::HalfCut if self.random.bool() => cluster.set_clients(member, Mode::HoldAnswers),
            Fault::HalfCut => cluster.set_clients(member, Mode::HoldRequests),
            Fault::Delay => cluster.set_clients(member, Mode::Delay(Duration::from_millis(20))),
            Fault::Isolate => cluster.isolate(member),
            Fault::Partition => {
                cluster.isolate(member);
                cluster.set_clients(member, Mode::Cut);
            }
            Fault::Replace => cluster.remove(member).await,
            Fault::Defragment => cluster.defragment(member).await,
        }
        tokio::time::sleep(lasts).await;
        match fault {
            Fault::Kill => cluster.member(member).start(),
            Fault::Restart => {
                cluster.member(member).kill();
                cluster.member(member).start();
            }
            Fault::Pause => cluster.member(member).resume(),
            Fault::Cut | Fault::Hold | Fault::HalfCut | Fault::Delay => {
                cluster.set_clients(member, Mode::Pass);
            }
            Fault::Isolate => cluster.rejoin(),
            Fault::Partition => {
                cluster.rejoin();
                cluster.set_clients(member, Mode::Pass);
            }
            Fault::Replace => cluster.replace(member).await,
            Fault::Defragment => {}
        }
        cluster.healthy().await;
        fault
    }
}
