//! Strict decoding of concatenated chunks: either all chunks are complete and valid, or an error.
//!
//! Bytes from other peers need this module, because the core's incremental load silently drops
//! everything after the first invalid chunk, and its decoder of a single change ignores checksums.

use automerge::{Automerge, Bundle, Change};
use pyo3::prelude::*;
use sha2::{Digest, Sha256};

use crate::believable::believable;
use crate::budget::Budget;
use crate::errors::{from_core, undecodable, DecodeError};
use crate::guard::guard;

/// A chunk's hash covers everything after the magic bytes and the checksum.
const HASHED_FROM: usize = 8;
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Document,
    Change,
    Compressed,
    Bundle,
}

pub struct Chunk<'a> {
    pub kind: Kind,
    checksum: &'a [u8],
    pub bytes: &'a [u8],
}

/// Splits off the first chunk by its header, and validates the sizes and counters of its content.
fn first_chunk<'a>(data: &'a [u8], budget: &mut Budget) -> PyResult<(Chunk<'a>, &'a [u8])> {
    let cut_off = || DecodeError::new_err("a chunk is cut off");
    let (magic, rest) = data.split_at_checked(4).ok_or_else(cut_off)?;
    if magic != MAGIC {
        return Err(DecodeError::new_err("not an Automerge chunk"));
    }
    let (checksum, rest) = rest.split_at_checked(4).ok_or_else(cut_off)?;
    let (kind, rest) = rest.split_first().ok_or_else(cut_off)?;
    let kind = match kind {
        0 => Kind::Document,
        1 => Kind::Change,
        2 => Kind::Compressed,
        3 => Kind::Bundle,
        other => {
            return Err(DecodeError::new_err(format!(
                "unknown kind of chunk: {other}"
            )))
        }
    };
    let (length, rest) = length_prefix(rest)?;
    let length = usize::try_from(length).map_err(|_| cut_off())?;
    let (body, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    if !believable(kind, body, budget) {
        return Err(DecodeError::new_err(
            "a chunk claims impossible values, or exceeds the size limits",
        ));
    }
    let bytes = &data[..data.len() - rest.len()];
    Ok((
        Chunk {
            kind,
            checksum,
            bytes,
        },
        rest,
    ))
}

fn length_prefix(mut data: &[u8]) -> PyResult<(u64, &[u8])> {
    let mut length = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = data
            .split_first()
            .ok_or_else(|| DecodeError::new_err("a chunk is cut off"))?;
        data = rest;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((length, data));
        }
    }
    Err(DecodeError::new_err("a chunk's length is malformed"))
}

/// Splits all chunks before any of them is decoded.
pub fn split<'a>(mut data: &'a [u8], budget: &mut Budget) -> PyResult<Vec<Chunk<'a>>> {
    let mut chunks = Vec::new();
    while !data.is_empty() {
        let (chunk, rest) = first_chunk(data, budget)?;
        chunks.push(chunk);
        data = rest;
    }
    Ok(chunks)
}

impl Chunk<'_> {
    pub fn changes(&self) -> PyResult<Vec<Change>> {
        let decoded = match self.kind {
            Kind::Change | Kind::Compressed => guard(|| Change::try_from(self.bytes))
                .map_err(undecodable)?
                .map(|change| vec![change])
                .map_err(|error| DecodeError::new_err(error.to_string()))?,
            Kind::Bundle => guard(|| {
                let bundle = Bundle::try_from(self.bytes).map_err(|error| error.to_string())?;
                let changes = bundle.to_changes().map_err(|error| error.to_string())?;
                for change in &changes {
                    first_chunk(change.raw_bytes(), &mut Budget::paid())
                        .map_err(|error| error.to_string())?;
                }
                Ok(changes)
            })
            .map_err(undecodable)?
            .map_err(DecodeError::new_err::<String>)?,
            Kind::Document => guard(|| Automerge::load(self.bytes).map(|doc| doc.get_changes(&[])))
                .map_err(undecodable)?
                .map_err(from_core)?,
        };
        if self.checksum_matches(&decoded) {
            Ok(decoded)
        } else {
            Err(DecodeError::new_err("a chunk's checksum does not match"))
        }
    }

    /// A change's hash starts with its checksum; the core checks the checksum of a document.
    fn checksum_matches(&self, decoded: &[Change]) -> bool {
        match self.kind {
            Kind::Change | Kind::Compressed => decoded
                .first()
                .is_some_and(|change| change.hash().0[..4] == *self.checksum),
            Kind::Bundle => Sha256::digest(&self.bytes[HASHED_FROM..])[..4] == *self.checksum,
            Kind::Document => true,
        }
    }
}

pub fn decode(chunks: &[Chunk<'_>]) -> PyResult<Vec<Change>> {
    let mut changes = Vec::new();
    for chunk in chunks {
        changes.extend(chunk.changes()?);
    }
    Ok(changes)
}
