//! The column format of chunks, as far as `believable` must read it: runs of equal values, runs of
//! nulls, literal values; all numbers in LEB128. Whatever is malformed ends the reading.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

const INFLATED_BYTES: u64 = 1 << 30;
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

pub fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    DeflateDecoder::new(data)
        .take(INFLATED_BYTES)
        .read_to_end(&mut out)
        .ok()?;
    Some(out)
}

pub struct Column {
    spec: u64,
    length: u64,
}

/// The columns of one table with their data, inflated.
pub struct Table(Vec<(u64, Vec<u8>)>);

impl Table {
    pub fn rows(&self) -> u64 {
        self.0
            .iter()
            .map(|(spec, data)| rows(*spec, data))
            .max()
            .unwrap_or_default()
    }

    /// The values of an integer or delta column; none if there is no such column.
    pub fn numbers(&self, spec: u64) -> Numbers<'_> {
        let data = self
            .0
            .iter()
            .find(|(found, _)| *found == spec)
            .map_or(&[][..], |(_, data)| data);
        Numbers {
            input: Reader(data),
            delta: spec & 0x7 == column_type::DELTA,
            last: 0,
            run: Run::Done,
        }
    }
}

fn rows(spec: u64, data: &[u8]) -> u64 {
    let mut input = Reader(data);
    let mut rows = 0u64;
    while let Some(run) = input.run(spec & 0x7) {
        rows = rows.saturating_add(run);
    }
    rows
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

    pub fn actors(&mut self) -> Option<()> {
        (0..self.number()?).try_for_each(|_| self.bytes().map(|_| ()))
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

    pub fn table(&mut self, columns: &[Column]) -> Option<Table> {
        let columns = columns.iter().map(|Column { spec, length }| {
            let data = self.take(*length)?;
            let inflated = if spec & COMPRESSED == 0 {
                data.to_vec()
            } else {
                inflate(data)?
            };
            Some((spec & !COMPRESSED, inflated))
        });
        columns.collect::<Option<_>>().map(Table)
    }

    /// The rows of the next run. A group's number is how many rows it takes of its columns.
    fn run(&mut self, column_type: u64) -> Option<u64> {
        use column_type::{BOOLEAN, GROUP, RAW, STRING};
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
    use super::{Reader, Table};

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

    #[test]
    fn numbers_come_out_as_they_went_in() {
        let table = Table(vec![
            (0x02, vec![0x00, 0x01, 0x02, 0x05, 0x7f, 0x09]),
            (0x13, vec![0x03, 0x02, 0x7f, 0x7b]),
        ]);
        let plain: Vec<_> = table.numbers(0x02).collect();
        assert_eq!(plain, [None, Some(5), Some(5), Some(9)]);
        let summed: Vec<_> = table.numbers(0x13).collect();
        assert_eq!(summed, [Some(2), Some(4), Some(6), Some(1)]);
    }
}
