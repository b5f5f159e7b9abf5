//! [`PageSize`]: how many rows to ask for at once, by the size of those that came.

/// How many bytes a page should have: later pages are sized by the rows of earlier ones.
const BYTES: usize = 1 << 20;
/// How much a page may grow over the one before: large rows may come behind small ones.
const GROWTH: usize = 4;

/// How many rows the next page of a list has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    rows: usize,
    most: usize,
}

impl PageSize {
    /// Of pages that are only read.
    pub(crate) const OF_ROWS: Self = Self::new(100, 5_000);

    /// So many rows at first, and so many at most.
    pub(crate) const fn new(first: usize, most: usize) -> Self {
        Self { rows: first, most }
    }

    /// What to ask for, if no more than this is wanted.
    pub(crate) fn limit(self, wanted: usize) -> u32 {
        u32::try_from(self.rows.min(wanted)).unwrap_or(u32::MAX)
    }

    /// Sizes the next page after one of so many rows with so many bytes.
    pub(crate) fn learn(&mut self, rows: usize, bytes: usize) {
        if let Some(average) = bytes.checked_div(rows) {
            self.rows = (BYTES / average.max(1)).clamp(1, self.most).min(self.rows * GROWTH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PageSize;

    #[test]
    fn pages_are_sized_by_their_bytes_and_grow_step_by_step() {
        let mut size = PageSize::new(100, 1_000);
        assert_eq!((size.limit(usize::MAX), size.limit(7)), (100, 7));
        size.learn(100, 100);
        assert_eq!(size.limit(usize::MAX), 400);
        size.learn(400, 400);
        assert_eq!(size.limit(usize::MAX), 1_000);
        size.learn(0, 0);
        assert_eq!(size.limit(usize::MAX), 1_000);
        size.learn(10, 10 << 20);
        assert_eq!(size.limit(usize::MAX), 1);
        size.learn(1, 0);
        assert_eq!(size.limit(usize::MAX), 4);
    }
}
