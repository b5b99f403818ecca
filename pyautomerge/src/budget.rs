//! Limit of the decoded size of one call's input, for all its chunks together. A few bytes may
//! encode billions of rows, or gigabytes when inflated; valid input also expands, but within
//! limits. Bytes without compression do not count, because their sender had to send them.

const MIB: u64 = 1 << 20;

/// Rows and copied bytes per byte of input; even well compressed history stays below.
const ROWS_PER_BYTE: u64 = 64;
const COPIED_PER_BYTE: u64 = 32;

#[derive(Clone)]
pub struct Budget {
    rows: u64,
    copied_bytes: u64,
}

impl Budget {
    /// For own documents. A text of a hundred million equal characters is a small file.
    pub fn for_load(input: usize) -> Self {
        let input = input as u64;
        Self {
            rows: (128 * MIB).saturating_add(input.saturating_mul(ROWS_PER_BYTE)),
            copied_bytes: (256 * MIB).saturating_add(input.saturating_mul(COPIED_PER_BYTE)),
        }
    }

    /// For bytes from other peers, including whole documents.
    pub fn for_strangers(input: usize) -> Self {
        let rows = (input as u64).saturating_mul(ROWS_PER_BYTE);
        Self {
            rows: rows.saturating_add(8 * MIB).min(64 * MIB),
            ..Self::for_ops(0, input)
        }
    }

    pub fn for_ops(max_ops: u64, input: usize) -> Self {
        let copied = (input as u64).saturating_mul(COPIED_PER_BYTE);
        Self {
            rows: max_ops,
            copied_bytes: copied.saturating_add(16 * MIB).min(256 * MIB),
        }
    }

    /// For changes out of a chunk that was counted already.
    pub fn paid() -> Self {
        Self {
            rows: u64::MAX,
            copied_bytes: u64::MAX,
        }
    }

    pub fn take_rows(&mut self, rows: u64) -> Option<()> {
        self.rows = self.rows.checked_sub(rows)?;
        Some(())
    }

    pub fn take_copied(&mut self, bytes: u64) -> Option<()> {
        self.copied_bytes = self.copied_bytes.checked_sub(bytes)?;
        Some(())
    }

    pub fn copied_left(&self) -> u64 {
        self.copied_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn a_refused_request_spends_nothing() {
        let mut budget = Budget::for_ops(10, 0);
        assert_eq!(budget.take_rows(6), Some(()));
        assert_eq!(budget.take_rows(5), None);
        assert_eq!(budget.take_rows(4), Some(()));
        assert_eq!(budget.take_rows(1), None);
    }

    #[test]
    fn the_budget_for_strangers_has_a_cap() {
        let (some, more) = (
            Budget::for_strangers(1 << 24),
            Budget::for_strangers(1 << 40),
        );
        assert_eq!(some.rows, more.rows);
        assert_eq!(some.copied_bytes, more.copied_bytes);
    }
}
