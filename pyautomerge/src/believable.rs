//! Validation of a chunk before the Automerge core decodes it. The core handles every chunk that a
//! core has written. Three faults in a forged chunk would end the process or destroy the document,
//! and no error handling could catch them:
//!
//! * More rows or bytes than memory. A hundred bytes may encode a billion rows, and the core
//!   makes a list of them; the core also inflates compressed data, and gives each row a copy of
//!   its key and of its author. A call has one `Budget` for all of that.
//! * Objects inside themselves. The core walks from an object to its parent up to the root, and
//!   would never leave a circle. A valid operation refers only to earlier operations, which have
//!   smaller counters.
//! * Counters near the maximum. The core counts operations in 32 bits, and no later operation
//!   would get a number.
//!
//! A chunk that this module cannot parse to its end is refused as well. Chunks with other faults
//! pass, because the core reports those faults itself.

use std::iter;

use crate::budget::Budget;
use crate::chunks::Kind;
use crate::columns::{inflate, side_by_side, Reader, Stretch, Table};

const LAST_COUNTER: i64 = (1 << 32) - (1 << 26);

mod spec {
    pub const OBJ_COUNTER: u64 = 0x02;
    pub const KEY_COUNTER: u64 = 0x13;
    pub const ID_COUNTER: u64 = 0x23;
    pub const SUCCESSOR_ACTOR: u64 = 0x81;
}

pub fn believable(kind: Kind, body: &[u8], budget: &mut Budget) -> bool {
    match kind {
        Kind::Change => change(body, budget),
        Kind::Compressed => inflate(body, budget).and_then(|body| change(&body, budget)),
        Kind::Document => document(body, budget),
        Kind::Bundle => bundle(body, budget),
    }
    .unwrap_or(false)
}

fn change(body: &[u8], budget: &mut Budget) -> Option<bool> {
    let mut input = Reader(body);
    input.hashes()?;
    input.actor()?;
    input.number()?;
    let start_op = input.number()?.cast_signed();
    input.number()?;
    input.bytes()?;
    input.actors()?;
    let columns = input.columns()?;
    let ops = input.table(&columns, budget)?;
    budget.take_rows(ops.rows())?;
    let countable = (0..LAST_COUNTER).contains(&start_op);
    Some(countable && looks_back(&ops, &iter::once(Stretch::counting_from(start_op))))
}

/// A document chunk has no rows for deletions, only successors of the deleted operations.
fn document(body: &[u8], budget: &mut Budget) -> Option<bool> {
    let mut input = Reader(body);
    input.actors()?;
    input.hashes()?;
    let (change_columns, op_columns) = (input.columns()?, input.columns()?);
    let changes = input.table(&change_columns, budget)?;
    let ops = input.table(&op_columns, budget)?;
    let successors = ops.rows_of(spec::SUCCESSOR_ACTOR);
    budget.take_rows(changes.rows().max(ops.rows().saturating_add(successors)))?;
    let ids = ops.numbers(spec::ID_COUNTER);
    let countable = |id: Stretch| id.first.max(id.last()) < Some(LAST_COUNTER);
    Some(ids.clone().all(countable) && looks_back(&ops, &ids))
}

/// Checks only the size: `Chunk::changes` checks each change of the bundle after extraction.
fn bundle(body: &[u8], budget: &mut Budget) -> Option<bool> {
    let mut input = Reader(body);
    input.hashes()?;
    input.actors()?;
    let columns = input.columns()?;
    let changes = input.table(&columns, budget)?;
    let columns = input.columns()?;
    let ops = input.table(&columns, budget)?;
    budget.take_rows(changes.rows().max(ops.rows()))?;
    Some(true)
}

fn looks_back(ops: &Table, ids: &(impl Iterator<Item = Stretch> + Clone)) -> bool {
    [spec::OBJ_COUNTER, spec::KEY_COUNTER]
        .into_iter()
        .all(|named| side_by_side(ops.numbers(named), ids.clone()).all(|(a, b)| below(a, b)))
}

/// Compares only the ends: two evenly spaced stretches compare alike at both ends and in between.
fn below(named: Stretch, id: Stretch) -> bool {
    let one = |named: Option<i64>, id: Option<i64>| match (named, id) {
        (Some(named), Some(id)) => named < id,
        _ => true,
    };
    one(named.first, id.first) && one(named.last(), id.last())
}
