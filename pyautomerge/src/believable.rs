//! What a chunk claims, before the core believes it. The core is right about every chunk that a
//! core has written; these three lies in a chunk made by hand would end the process or the
//! document, which no error handling can catch:
//!
//! * More rows than memory. A hundred bytes may stand for a billion rows, and the core makes a
//!   list of them.
//! * Objects inside themselves. The core walks from an object to its parent until it is at the
//!   root, and would walk in a circle for ever. An operation can only name what was there before
//!   it, and what was there before has a smaller counter.
//! * Counters near their end. The core counts operations in 32 bits and could make no other.
//!
//! What is malformed in other ways passes: the core will say what is wrong with it.

use crate::chunks::Kind;
use crate::columns::{inflate, Reader, Table};

/// Real text of two million characters may be deleted in one change and a few bytes.
const CHANGE_ROWS: u64 = 1 << 21;
const DOCUMENT_ROWS: u64 = 1 << 23;
const ROWS_PER_BYTE: u64 = 64;

const LAST_COUNTER: i64 = (1 << 32) - (1 << 26);

mod spec {
    pub const OBJ_COUNTER: u64 = 0x02;
    pub const KEY_COUNTER: u64 = 0x13;
    pub const ID_COUNTER: u64 = 0x23;
}

pub fn believable(kind: Kind, body: &[u8]) -> bool {
    match kind {
        Kind::Change => change(body),
        Kind::Compressed => inflate(body).and_then(|body| change(&body)),
        Kind::Document => document(body),
        Kind::Bundle => bundle(body),
    }
    .unwrap_or(true)
}

fn change(body: &[u8]) -> Option<bool> {
    let mut input = Reader(body);
    input.hashes()?;
    input.bytes()?;
    input.number()?;
    let start_op = input.number()?.cast_signed();
    input.number()?;
    input.bytes()?;
    input.actors()?;
    let columns = input.columns()?;
    let ops = input.table(&columns)?;
    let ids = (start_op..).map(Some);
    let countable = (0..LAST_COUNTER).contains(&start_op);
    Some(countable && fits(&[&ops], CHANGE_ROWS, body) && looks_back(&ops, &ids))
}

fn document(body: &[u8]) -> Option<bool> {
    let mut input = Reader(body);
    input.actors()?;
    input.hashes()?;
    let (change_columns, op_columns) = (input.columns()?, input.columns()?);
    let (changes, ops) = (input.table(&change_columns)?, input.table(&op_columns)?);
    let ids = ops.numbers(spec::ID_COUNTER);
    let believed = fits(&[&changes, &ops], DOCUMENT_ROWS, body)
        && ids.clone().flatten().all(|id| id < LAST_COUNTER)
        && looks_back(&ops, &ids);
    Some(believed)
}

/// Its changes are looked at again one by one, when they have been taken out.
fn bundle(body: &[u8]) -> Option<bool> {
    let mut input = Reader(body);
    input.hashes()?;
    input.actors()?;
    let columns = input.columns()?;
    let changes = input.table(&columns)?;
    let columns = input.columns()?;
    let ops = input.table(&columns)?;
    Some(fits(&[&changes, &ops], DOCUMENT_ROWS, body))
}

fn fits(tables: &[&Table], most: u64, body: &[u8]) -> bool {
    let most = most + ROWS_PER_BYTE * body.len() as u64;
    tables.iter().all(|table| table.rows() <= most)
}

fn looks_back(ops: &Table, ids: &(impl Iterator<Item = Option<i64>> + Clone)) -> bool {
    [spec::OBJ_COUNTER, spec::KEY_COUNTER]
        .into_iter()
        .all(|named| {
            ops.numbers(named)
                .zip(ids.clone())
                .all(|(named, id)| match (named, id) {
                    (Some(named), Some(id)) => named < id,
                    _ => true,
                })
        })
}
