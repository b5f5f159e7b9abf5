//! [`Mix`]: what happens to requests, drawn from a seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

/// How many requests of a thousand meet each fault.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// It is delivered, and its answer is lost.
    pub lost_answer: u32,
    /// It is delivered 4 to 30 ms after the client was told that it failed, or gave up.
    pub late: u32,
    /// The same, 0.2 to 1.5 s after.
    pub very_late: u32,
    /// It is never delivered.
    pub lost_request: u32,
    /// It and its answer take up to 30 ms longer.
    pub delayed: u32,
}

impl Default for Rates {
    /// One request in eight meets a fault.
    fn default() -> Self {
        Self { lost_answer: 40, late: 25, very_late: 15, lost_request: 15, delayed: 30 }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    LostAnswer(Told),
    Late(Told, Duration),
    LostRequest(Told),
    Delayed(Duration),
}

/// How a client learns that its request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is answered `Unavailable`.
    Unavailable,
    /// Its stream is reset.
    Reset,
    /// Not at all, until it gives up by itself.
    Nothing,
}

/// Draws what happens to requests, and counts it.
#[derive(Debug)]
pub struct Mix {
    rates: Rates,
    random: Mutex<Rng>,
    is_on: AtomicBool,
    met: AtomicU64,
}

impl Mix {
    /// A mix that is on.
    pub fn new(seed: u64, rates: Rates) -> Self {
        let random = Mutex::new(Rng::with_seed(seed));
        Self { rates, random, is_on: AtomicBool::new(true), met: AtomicU64::new(0) }
    }

    /// Lets everything pass from now on.
    pub fn off(&self) {
        self.is_on.store(false, Ordering::Relaxed);
    }

    /// How many requests met a fault so far, delays not counted.
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    pub(super) fn next(&self) -> Fate {
        if !self.is_on.load(Ordering::Relaxed) {
            return Fate::Pass;
        }
        let fate = self.draw();
        if !matches!(fate, Fate::Pass | Fate::Delayed(_)) {
            self.met.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }

    fn draw(&self) -> Fate {
        let Rates { lost_answer, late, very_late, lost_request, delayed } = self.rates;
        let mut random = self.random.lock().expect("no panic while drawing");
        let mut drawn = random.u32(..1000);
        // Silence takes a client as long as its patience lasts, so it is rarer.
        let told = *random
            .choice(&[Told::Unavailable, Told::Unavailable, Told::Reset, Told::Reset, Told::Nothing])
            .expect("a choice");
        let mut is = |rate: u32| {
            let is = drawn < rate;
            drawn = drawn.wrapping_sub(rate);
            is
        };
        if is(lost_answer) {
            Fate::LostAnswer(told)
        } else if is(late) {
            Fate::Late(told, Duration::from_millis(random.u64(4..30)))
        } else if is(very_late) {
            Fate::Late(told, Duration::from_millis(random.u64(200..1500)))
        } else if is(lost_request) {
            Fate::LostRequest(told)
        } else if is(delayed) {
            Fate::Delayed(Duration::from_millis(random.u64(1..30)))
        } else {
            Fate::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, Mix, Rates};

    #[test]
    fn a_seed_gives_the_same_fates_and_all_of_them() {
        let draw = || {
            let mix = Mix::new(7, Rates::default());
            let fates: Vec<_> = (0..2000).map(|_| mix.next()).collect();
            (mix.met(), fates)
        };
        let (met, fates) = draw();
        assert_eq!((met, fates.clone()), draw());
        let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
        let counts = [
            count(|fate| matches!(fate, Fate::LostAnswer(_))),
            count(|fate| matches!(fate, Fate::Late(..))),
            count(|fate| matches!(fate, Fate::LostRequest(_))),
            count(|fate| matches!(fate, Fate::Delayed(_))),
        ];
        assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
        assert_eq!(met as usize, counts[..3].iter().sum::<usize>());
    }
}
