//! How much a chunk claims to hold, before the core believes it.
//!
//! Columns are run-length encoded: a hundred bytes may stand for a billion rows, and the core
//! makes a list of them. Running out of memory cannot be caught, it ends the process. So the
//! rows are counted first, without making any. What is malformed counts as far as it goes: the
//! core will say what is wrong with it.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use crate::chunks::Kind;

/// Real text of two million characters may be deleted in one change and a few bytes.
const CHANGE_ROWS: u64 = 1 << 21;
const DOCUMENT_ROWS: u64 = 1 << 23;
const ROWS_PER_BYTE: u64 = 64;
const INFLATED_BYTES: u64 = 1 << 30;

const COMPRESSED: u64 = 0x08;
const HASH_BYTES: u64 = 32;

pub fn believable(kind: Kind, body: &[u8]) -> bool {
    let size = body.len() as u64;
    let (counted, most) = match kind {
        Kind::Change => (change_rows(body), CHANGE_ROWS),
        Kind::Compressed => (
            inflate(body).and_then(|body| change_rows(&body)),
            CHANGE_ROWS,
        ),
        Kind::Document => (document_rows(body), DOCUMENT_ROWS),
        Kind::Bundle => (bundle_rows(body), DOCUMENT_ROWS),
    };
    counted.is_none_or(|rows| rows <= most + ROWS_PER_BYTE * size)
}

fn change_rows(body: &[u8]) -> Option<u64> {
    let mut input = Reader(body);
    input.hashes()?;
    input.bytes()?;
    for _seq_start_time in 0..3 {
        input.number()?;
    }
    input.bytes()?;
    input.actors()?;
    let columns = input.columns()?;
    input.most_rows(&columns)
}

fn document_rows(body: &[u8]) -> Option<u64> {
    let mut input = Reader(body);
    input.actors()?;
    input.hashes()?;
    let (changes, ops) = (input.columns()?, input.columns()?);
    let rows = input.most_rows(&changes)?;
    Some(rows.max(input.most_rows(&ops)?))
}

fn bundle_rows(body: &[u8]) -> Option<u64> {
    let mut input = Reader(body);
    input.hashes()?;
    input.actors()?;
    let changes = input.columns()?;
    let rows = input.most_rows(&changes)?;
    let ops = input.columns()?;
    Some(rows.max(input.most_rows(&ops)?))
}

fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    DeflateDecoder::new(data)
        .take(INFLATED_BYTES)
        .read_to_end(&mut out)
        .ok()?;
    Some(out)
}

struct Column {
    spec: u64,
    bytes: u64,
}

impl Column {
    fn rows(&self, data: &[u8]) -> u64 {
        let inflated;
        let data = if self.spec & COMPRESSED == 0 {
            data
        } else if let Some(whole) = inflate(data) {
            inflated = whole;
            &inflated
        } else {
            return 0;
        };
        let mut input = Reader(data);
        let mut rows = 0u64;
        while let Some(run) = input.run(self.spec & 0x7) {
            rows = rows.saturating_add(run);
        }
        rows
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(head)
    }

    /// An unsigned number in LEB128; a signed one's bytes are skipped just as well.
    fn number(&mut self) -> Option<u64> {
        self.leb128().map(|(number, _, _)| number)
    }

    fn signed(&mut self) -> Option<i64> {
        let (number, bits, last) = self.leb128()?;
        let extended = if last & 0x40 != 0 && bits < 64 {
            number | (u64::MAX << bits)
        } else {
            number
        };
        Some(extended.cast_signed())
    }

    fn leb128(&mut self) -> Option<(u64, u32, u8)> {
        let mut number = 0u64;
        for bits in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << bits;
            if byte & 0x80 == 0 {
                return Some((number, bits + 7, byte));
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }

    fn hashes(&mut self) -> Option<()> {
        let count = self.number()?;
        self.take(count.checked_mul(HASH_BYTES)?).map(|_| ())
    }

    fn actors(&mut self) -> Option<()> {
        (0..self.number()?).try_for_each(|_| self.bytes().map(|_| ()))
    }

    fn columns(&mut self) -> Option<Vec<Column>> {
        (0..self.number()?)
            .map(|_| {
                Some(Column {
                    spec: self.number()?,
                    bytes: self.number()?,
                })
            })
            .collect()
    }

    fn most_rows(&mut self, columns: &[Column]) -> Option<u64> {
        let mut most = 0;
        for column in columns {
            most = most.max(column.rows(self.take(column.bytes)?));
        }
        Some(most)
    }

    /// The rows of the next run. A group's number is how many rows it takes of its columns.
    fn run(&mut self, column_type: u64) -> Option<u64> {
        const GROUP: u64 = 0;
        const BOOLEAN: u64 = 4;
        const STRING: u64 = 5;
        const RAW: u64 = 7;
        match column_type {
            RAW => None,
            BOOLEAN => self.number(),
            _ => {
                let value = |input: &mut Self| match column_type {
                    STRING => input.bytes().map(|_| 1),
                    GROUP => input.number().map(|members| members.max(1)),
                    _ => input.number().map(|_| 1),
                };
                match self.signed()? {
                    0 => self.number(),
                    many @ 1.. => Some(value(self)?.saturating_mul(many.unsigned_abs())),
                    literal => {
                        let mut rows = 0u64;
                        for _ in 0..literal.unsigned_abs() {
                            rows = rows.saturating_add(value(self)?);
                        }
                        Some(rows)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn a_run_of_equal_values_counts_each_of_them() {
        assert_eq!(Reader(&[0xe4, 0x00, 0x07]).run(2), Some(100));
    }

    #[test]
    fn nulls_literals_and_groups_count_too() {
        assert_eq!(Reader(&[0x00, 0x80, 0x01]).run(2), Some(128));
        assert_eq!(Reader(&[0x7d, 0x01, 0x02, 0x03]).run(2), Some(3));
        assert_eq!(Reader(&[0x02, 0x09]).run(0), Some(18));
        assert_eq!(Reader(&[0x02, 0x01, b'x']).run(5), Some(2));
    }

    #[test]
    fn a_cut_off_column_ends_the_count() {
        assert_eq!(Reader(&[0x80]).run(2), None);
        assert_eq!(Reader(&[0x7d, 0x01]).run(2), None);
    }
}
