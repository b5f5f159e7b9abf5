//! [`Link`]: what lies between a process and the store. It never makes anything up: it loses, delays and cuts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use txetcd_core::client::{Fault, Faults};

use super::record::Record;

/// One call in so many goes wrong.
const ONE_IN: u8 = 4;

/// After one message in so many, its process stands still, where things break.
const STANDS_STILL: u32 = 60;

/// Where nothing breaks, no more calls to one service go wrong in a row.
const IN_A_ROW: u32 = 4;

/// How long an answer to a dead process is on its way: longer than a run takes.
const NEVER: Duration = Duration::from_secs(86_400);

/// One call of the transport, and what became of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// When it was made, in the run's own time.
    pub at: Duration,
    /// The connection, which are numbered as they are made.
    pub link: u64,
    /// The gRPC method.
    pub method: String,
    /// What became of it.
    pub fault: Fault,
}

impl Call {
    /// Whether it did not go as it should.
    pub fn is_fault(&self) -> bool {
        self.fault != Fault::None
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} link {} {} {:?}", self.at, self.link, self.method, self.fault)
    }
}

/// The way between one connection and the store.
pub(super) struct Link {
    number: u64,
    record: Record,
    state: Mutex<State>,
}

struct State {
    random: Rng,
    weather: Weather,
    /// Until when nothing moves: what is sent before arrives after.
    still_until: Instant,
    /// Faults in a row, of the services for keys, leases and watches.
    in_a_row: [u32; 3],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Faults come as they are drawn.
    Storm,
    /// None.
    Calm,
    /// Nothing is sent any more, and nothing is heard.
    Dead,
}

impl Link {
    pub(super) fn new(record: &Record, random: Rng) -> Arc<Self> {
        let state = State {
            random,
            weather: Weather::Storm,
            still_until: Instant::now(),
            in_a_row: Default::default(),
        };
        Arc::new(Self { number: record.next_link(), record: record.clone(), state: Mutex::new(state) })
    }

    /// What the client is given.
    pub(super) fn faults(self: &Arc<Self>) -> Arc<dyn Faults> {
        Arc::new(Shared(self.clone()))
    }

    /// From now on there are no faults.
    pub(super) fn calm(&self) {
        let mut state = self.state();
        (state.weather, state.still_until) = (Weather::Calm, Instant::now());
    }

    /// The process is killed: what was sent arrives, and nothing else ever is.
    pub(super) fn kill(&self) {
        self.state().weather = Weather::Dead;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, method: &str) -> Fault {
        let mut state = self.state();
        match state.weather {
            Weather::Dead => return Fault::LoseRequest,
            Weather::Calm => return Fault::None,
            Weather::Storm => {}
        }
        let (service, streams) = match method {
            method if method.contains("Watch/") => (2, true),
            method if method.contains("LeaseKeepAlive") => (1, true),
            method if method.contains("Lease/") => (1, false),
            _ => (0, false),
        };
        let settings = &self.record.settings;
        let spared = !settings.breaks && state.in_a_row[service] >= IN_A_ROW;
        if state.random.u8(..ONE_IN) != 0 || spared {
            state.in_a_row[service] = 0;
            return Fault::None;
        }
        state.in_a_row[service] += 1;
        let random = &mut state.random;
        let late = Duration::from_millis(random.u64(settings.late.clone()));
        match random.u8(..8) {
            0 | 1 => Fault::LoseRequest,
            2 | 3 if streams => Fault::CutAfter(random.usize(..4)),
            2 | 3 => Fault::LoseReply,
            4 | 5 => Fault::Late(late),
            6 => Fault::CutAfter(random.usize(..4)),
            // A session that has to last is not told nothing for a third of its life.
            _ if service == 1 && !settings.breaks => Fault::LoseReply,
            _ => Fault::SilentAfter(random.usize(..4)),
        }
    }
}

/// A link, as the transport has it.
struct Shared(Arc<Link>);

impl Faults for Shared {
    fn next(&self, path: &str) -> Fault {
        let method = path.trim_start_matches("/etcdserverpb.");
        let fault = self.0.draw(method);
        self.0.record.call(self.0.number, method, fault);
        fault
    }

    fn latency(&self, path: &str) -> Duration {
        let settings = &self.0.record.settings;
        let mut state = self.0.state();
        if state.weather == Weather::Dead {
            return NEVER;
        }
        let longer = if path.contains("Watch/") { settings.watch_latency } else { 0 };
        let usual = Duration::from_millis(state.random.u64(..=settings.latency + longer));
        let still = state.still_until.duration_since(Instant::now());
        let storm = settings.breaks && state.weather == Weather::Storm;
        if storm && still.is_zero() && state.random.u32(..STANDS_STILL) == 0 {
            // This message is on its way; the answer to it waits, at times for longer than the process's lease lives.
            let time = settings.session_ttl.mul_f64(state.random.f64() * 2.0);
            state.still_until = Instant::now() + time;
        }
        still + usual
    }
}
