//! The column format of chunks, as far as `believable` must read it: runs of equal values, runs of
//! nulls, literal values; all numbers in LEB128. Whatever is malformed ends the reading.

use std::borrow::Cow;
use std::io::Read;

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

/// The columns of one table with their data, inflated.
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

    /// The values of an integer or delta column; none if there is no such column.
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
            run: Run::Done,
        }
    }
}

/// What a run takes: rows, and bytes beyond its own that its rows are copies of.
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

#[derive(Clone, Copy)]
enum Run {
    Done,
    Nulls(u64),
    Same(i64, u64),
    Literal(u64),
}

#[derive(Clone)]
pub struct Numbers<'a> {
    input: Reader<'a>,
    delta: bool,
    last: i64,
    run: Run,
}

impl Numbers<'_> {
    fn number(&mut self) -> Option<i64> {
        if self.delta {
            self.input.signed()
        } else {
            self.input.number().map(u64::cast_signed)
        }
    }

    fn next_run(&mut self) -> Option<Run> {
        Some(match self.input.signed()? {
            0 => Run::Nulls(self.input.number()?),
            many @ 1.. => Run::Same(self.number()?, many.unsigned_abs()),
            literal => Run::Literal(literal.unsigned_abs()),
        })
    }
}

impl Iterator for Numbers<'_> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Option<i64>> {
        loop {
            let (value, rest) = match self.run {
                Run::Nulls(left @ 1..) => {
                    self.run = Run::Nulls(left - 1);
                    return Some(None);
                }
                Run::Same(value, left @ 1..) => (value, Run::Same(value, left - 1)),
                Run::Literal(left @ 1..) => (self.number()?, Run::Literal(left - 1)),
                _ => {
                    self.run = self.next_run()?;
                    continue;
                }
            };
            self.run = rest;
            self.last = if self.delta {
                self.last.saturating_add(value)
            } else {
                value
            };
            return Some(Some(self.last));
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

    /// An unsigned number in LEB128; a signed one's bytes are skipped just as well.
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

    /// Its rows, and its bytes if it is a string. A group's number is how many rows it takes of
    /// its columns.
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
    use super::{inflate, Cow, Extent, Filled, Reader, Table};
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
    fn strings_cost_what_they_are_copied() {
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
    fn what_inflates_beyond_the_budget_is_not_cut_but_refused() {
        let three_zeros = [0x63, 0x60, 0x60, 0x00, 0x00];
        let mut budget = Budget::for_ops(0, 0);
        assert_eq!(inflate(&three_zeros, &mut budget), Some(vec![0; 3]));
        let _ = budget.take_copied(budget.copied_left() - 2);
        assert_eq!(inflate(&three_zeros, &mut budget), None);
    }

    #[test]
    fn numbers_come_out_as_they_went_in() {
        let column = |spec, data: &'static [u8]| Filled {
            spec,
            data: Cow::Borrowed(data),
            rows: 4,
        };
        let table = Table(vec![
            column(0x02, &[0x00, 0x01, 0x02, 0x05, 0x7f, 0x09]),
            column(0x13, &[0x03, 0x02, 0x7f, 0x7b]),
        ]);
        let plain: Vec<_> = table.numbers(0x02).collect();
        assert_eq!(plain, [None, Some(5), Some(5), Some(9)]);
        let summed: Vec<_> = table.numbers(0x13).collect();
        assert_eq!(summed, [Some(2), Some(4), Some(6), Some(1)]);
    }
}
