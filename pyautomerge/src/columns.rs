//! The column format of chunks, as far as `believable` needs it: runs of equal values, runs of
//! nulls, and literal values, with all numbers in LEB128. Malformed data yields `None`.

use std::borrow::Cow;
use std::io::Read;
use std::iter;

use flate2::bufread::DeflateDecoder;

use crate::budget::Budget;
use crate::ids::ACTOR_MAX_BYTES;

const COMPRESSED: u64 = 0x08;
const HASH_BYTES: u64 = 32;

/// The low three bits of a column's specification.
mod column_type {
    pub const GROUP: u64 = 0;
    pub const DELTA: u64 = 3;
    pub const BOOLEAN: u64 = 4;
    pub const STRING: u64 = 5;
    pub const RAW: u64 = 7;
}

pub fn inflate(data: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    DeflateDecoder::new(data)
        .take(budget.copied_left().saturating_add(1))
        .read_to_end(&mut out)
        .ok()?;
    budget.take_copied(out.len() as u64)?;
    Some(out)
}

pub struct Column {
    spec: u64,
    length: u64,
}

struct Filled<'a> {
    spec: u64,
    data: Cow<'a, [u8]>,
    rows: u64,
}

/// The columns of one table with their inflated data.
pub struct Table<'a>(Vec<Filled<'a>>);

impl Table<'_> {
    pub fn rows(&self) -> u64 {
        let rows = self.0.iter().map(|column| column.rows);
        rows.max().unwrap_or_default()
    }

    pub fn rows_of(&self, spec: u64) -> u64 {
        let found = self.0.iter().find(|column| column.spec == spec);
        found.map_or(0, |column| column.rows)
    }

    /// The values of an integer or delta column; empty for a missing column.
    pub fn numbers(&self, spec: u64) -> Numbers<'_> {
        let data = self
            .0
            .iter()
            .find(|column| column.spec == spec)
            .map_or(&[][..], |column| &column.data);
        Numbers {
            input: Reader(data),
            delta: spec & 0x7 == column_type::DELTA,
            last: 0,
            literals: 0,
        }
    }
}

/// Size of a run: its rows, and the bytes that the rows take beyond the encoded value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Extent {
    rows: u64,
    copied_bytes: u64,
}

fn extent(spec: u64, data: &[u8]) -> Option<Extent> {
    let mut whole = Extent::default();
    if spec & 0x7 == column_type::RAW {
        return Some(whole);
    }
    let mut input = Reader(data);
    while !input.0.is_empty() {
        let run = input.run(spec & 0x7)?;
        whole.rows = whole.rows.saturating_add(run.rows);
        whole.copied_bytes = whole.copied_bytes.saturating_add(run.copied_bytes);
    }
    Some(whole)
}

/// Consecutive rows of a column with evenly spaced numbers, or all null. Checks compare whole
/// stretches, because a column may have a billion rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub first: Option<i64>,
    step: i64,
    rows: u64,
}

impl Stretch {
    pub fn counting_from(first: i64) -> Self {
        Self {
            first: Some(first),
            step: 1,
            rows: u64::MAX,
        }
    }

    pub fn last(&self) -> Option<i64> {
        self.at(self.rows - 1)
    }

    fn at(&self, row: u64) -> Option<i64> {
        let row = i64::try_from(row).unwrap_or(i64::MAX);
        Some(self.first?.saturating_add(self.step.saturating_mul(row)))
    }

    fn cut(self, rows: u64) -> (Self, Option<Self>) {
        let rest = Self {
            first: self.at(rows),
            rows: self.rows - rows,
            ..self
        };
        (Self { rows, ..self }, (rest.rows > 0).then_some(rest))
    }
}

/// Pairs the rows of two columns, cut where a stretch of either ends, until one column ends.
pub fn side_by_side(
    mut left: impl Iterator<Item = Stretch>,
    mut right: impl Iterator<Item = Stretch>,
) -> impl Iterator<Item = (Stretch, Stretch)> {
    let mut rest = (None, None);
    iter::from_fn(move || {
        let a = rest.0.take().or_else(|| left.next())?;
        let b = rest.1.take().or_else(|| right.next())?;
        let rows = a.rows.min(b.rows);
        let ((a, rest_a), (b, rest_b)) = (a.cut(rows), b.cut(rows));
        rest = (rest_a, rest_b);
        Some((a, b))
    })
}

#[derive(Clone)]
pub struct Numbers<'a> {
    input: Reader<'a>,
    delta: bool,
    last: i64,
    literals: u64,
}

impl Numbers<'_> {
    fn nulls(rows: u64) -> Stretch {
        Stretch {
            first: None,
            step: 0,
            rows,
        }
    }

    /// Reads numbers beyond 64 bits as the largest number, which no valid chunk contains.
    fn same(&mut self, rows: u64) -> Option<Stretch> {
        if !self.delta {
            let first = Some(self.input.number()?.cast_signed());
            return Some(Stretch {
                first,
                step: 0,
                rows,
            });
        }
        let step = self.input.signed()?;
        let rises = i64::try_from(rows).ok().and_then(|n| step.checked_mul(n));
        let last = rises.and_then(|rise| self.last.checked_add(rise));
        let (first, step) = match last {
            Some(_) => (self.last + step, step),
            None => (i64::MAX, 0),
        };
        self.last = last.unwrap_or(i64::MAX);
        Some(Stretch {
            first: Some(first),
            step,
            rows,
        })
    }
}

impl Iterator for Numbers<'_> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        loop {
            if let Some(left) = self.literals.checked_sub(1) {
                self.literals = left;
                return self.same(1);
            }
            match self.input.signed()? {
                0 => match self.input.number()? {
                    0 => {}
                    rows => return Some(Self::nulls(rows)),
                },
                many @ 1.. => return self.same(many.unsigned_abs()),
                literal => self.literals = literal.unsigned_abs(),
            }
        }
    }
}

#[derive(Clone)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(head)
    }

    /// Reads an unsigned number in LEB128; also skips the bytes of a signed one.
    pub fn number(&mut self) -> Option<u64> {
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

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }

    pub fn hashes(&mut self) -> Option<()> {
        let count = self.number()?;
        self.take(count.checked_mul(HASH_BYTES)?).map(|_| ())
    }

    pub fn actor(&mut self) -> Option<()> {
        let actor = self.bytes()?;
        (actor.len() <= ACTOR_MAX_BYTES).then_some(())
    }

    pub fn actors(&mut self) -> Option<()> {
        (0..self.number()?).try_for_each(|_| self.actor())
    }

    pub fn columns(&mut self) -> Option<Vec<Column>> {
        (0..self.number()?)
            .map(|_| {
                Some(Column {
                    spec: self.number()?,
                    length: self.number()?,
                })
            })
            .collect()
    }

    pub fn table(&mut self, columns: &[Column], budget: &mut Budget) -> Option<Table<'a>> {
        let columns = columns.iter().map(|Column { spec, length }| {
            let data = self.take(*length)?;
            let data = if spec & COMPRESSED == 0 {
                Cow::Borrowed(data)
            } else {
                Cow::Owned(inflate(data, budget)?)
            };
            let spec = spec & !COMPRESSED;
            let Extent { rows, copied_bytes } = extent(spec, &data)?;
            budget.take_copied(copied_bytes)?;
            Some(Filled { spec, data, rows })
        });
        columns.collect::<Option<_>>().map(Table)
    }

    fn run(&mut self, column_type: u64) -> Option<Extent> {
        let rows = |rows| Extent {
            rows,
            copied_bytes: 0,
        };
        if column_type == column_type::BOOLEAN {
            return self.number().map(rows);
        }
        match self.signed()? {
            0 => self.number().map(rows),
            many @ 1.. => {
                let many = many.unsigned_abs();
                let (each, bytes) = self.value(column_type)?;
                Some(Extent {
                    rows: each.saturating_mul(many),
                    copied_bytes: bytes.saturating_mul(many - 1),
                })
            }
            literal => (0..literal.unsigned_abs())
                .try_fold(0u64, |sum, _| {
                    let (each, _) = self.value(column_type)?;
                    Some(sum.saturating_add(each))
                })
                .map(rows),
        }
    }

    /// Returns the rows of a value, and the bytes of a string. The number in a group column is the
    /// count of rows in the columns of the group.
    fn value(&mut self, column_type: u64) -> Option<(u64, u64)> {
        match column_type {
            column_type::STRING => self.bytes().map(|string| (1, string.len() as u64)),
            column_type::GROUP => self.number().map(|members| (members.max(1), 0)),
            _ => self.number().map(|_| (1, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{inflate, iter, side_by_side, Cow, Extent, Filled, Reader, Stretch, Table};
    use crate::budget::Budget;

    fn run(data: &[u8], column_type: u64) -> Option<u64> {
        Reader(data).run(column_type).map(|run| run.rows)
    }

    #[test]
    fn a_run_of_equal_values_counts_each_of_them() {
        assert_eq!(run(&[0xe4, 0x00, 0x07], 2), Some(100));
    }

    #[test]
    fn nulls_literals_and_groups_count_too() {
        assert_eq!(run(&[0x00, 0x80, 0x01], 2), Some(128));
        assert_eq!(run(&[0x7d, 0x01, 0x02, 0x03], 2), Some(3));
        assert_eq!(run(&[0x02, 0x09], 0), Some(18));
        assert_eq!(run(&[0x02, 0x01, b'x'], 5), Some(2));
    }

    #[test]
    fn a_repeated_string_counts_its_copied_bytes() {
        let twice = Reader(&[0x02, 0x03, b'a', b'b', b'c']).run(5);
        let expected = Extent {
            rows: 2,
            copied_bytes: 3,
        };
        assert_eq!(twice, Some(expected));
    }

    #[test]
    fn a_cut_off_column_has_no_count() {
        assert_eq!(run(&[0x80], 2), None);
        assert_eq!(run(&[0x7d, 0x01], 2), None);
    }

    #[test]
    fn data_that_inflates_beyond_the_budget_is_refused() {
        let three_zeros = [0x63, 0x60, 0x60, 0x00, 0x00];
        let mut budget = Budget::for_ops(0, 0);
        assert_eq!(inflate(&three_zeros, &mut budget), Some(vec![0; 3]));
        let _ = budget.take_copied(budget.copied_left() - 2);
        assert_eq!(inflate(&three_zeros, &mut budget), None);
    }

    fn column(spec: u64, data: &[u8]) -> Table<'_> {
        let data = Cow::Borrowed(data);
        Table(vec![Filled {
            spec,
            data,
            rows: 4,
        }])
    }

    fn ends(stretch: Stretch) -> (Option<i64>, Option<i64>, u64) {
        (stretch.first, stretch.last(), stretch.rows)
    }

    #[test]
    fn integer_and_delta_columns_decode_to_stretches() {
        let plain = column(0x02, &[0x00, 0x01, 0x02, 0x05, 0x7f, 0x09]);
        let stretches: Vec<_> = plain.numbers(0x02).map(ends).collect();
        let expected = [
            (None, None, 1),
            (Some(5), Some(5), 2),
            (Some(9), Some(9), 1),
        ];
        assert_eq!(stretches, expected);
        let summed = column(0x13, &[0x03, 0x02, 0x7f, 0x7b]);
        let stretches: Vec<_> = summed.numbers(0x13).map(ends).collect();
        assert_eq!(stretches, [(Some(2), Some(6), 3), (Some(1), Some(1), 1)]);
    }

    #[test]
    fn numbers_beyond_64_bits_read_as_the_largest() {
        let twice = [0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
        let data = [twice, twice].concat();
        let beyond = column(0x13, &data);
        let stretches: Vec<_> = beyond.numbers(0x13).map(ends).collect();
        let largest = Some(i64::MAX);
        assert_eq!(stretches[1], (largest, largest, 2));
    }

    #[test]
    fn side_by_side_pairs_stretches_of_equal_length() {
        let table = column(0x13, &[0x03, 0x02, 0x7f, 0x7b]);
        let counted = iter::once(Stretch::counting_from(10));
        let pairs: Vec<_> = side_by_side(table.numbers(0x13), counted)
            .map(|(left, right)| (ends(left), ends(right)))
            .collect();
        let expected = [
            ((Some(2), Some(6), 3), (Some(10), Some(12), 3)),
            ((Some(1), Some(1), 1), (Some(13), Some(13), 1)),
        ];
        assert_eq!(pairs, expected);
    }
}
