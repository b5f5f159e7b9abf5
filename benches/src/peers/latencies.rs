//! [`Latencies`]: how long transactions took, to two digits.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Result;

/// Durations and how often each was seen, in microseconds.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new(2)?))
    }

    pub(crate) fn record(&mut self, took: Duration) -> Result<()> {
        Ok(self.0.record(u64::try_from(took.as_micros())?)?)
    }

    /// The durations that were seen, with how often.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter_recorded().map(|seen| (seen.value_iterated_to(), seen.count_at_value()))
    }

    pub(crate) fn add(&mut self, counted: impl IntoIterator<Item = (u64, u64)>) -> Result<()> {
        for (micros, times) in counted {
            self.0.record_n(micros, times)?;
        }
        Ok(())
    }

    /// The microseconds that this share of the transactions did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latencies;

    #[test]
    fn quantiles_are_of_all_that_was_added() {
        let mut one = Latencies::new().unwrap();
        (1..=50).for_each(|ms| one.record(Duration::from_millis(ms)).unwrap());
        let mut all = Latencies::new().unwrap();
        all.add(one.counted()).unwrap();
        all.add([(75_000, 49), (9_000_000, 1)]).unwrap();
        assert_eq!(all.count(), 100);
        for (share, expected) in [(0.25, 25_000.0), (0.5, 50_000.0), (0.99, 75_000.0), (1.0, 9_000_000.0)] {
            let off = all.quantile(share) as f64 / expected - 1.0;
            assert!(off.abs() < 0.02, "{share}: {} instead of {expected}", all.quantile(share));
        }
    }
}
