//! Conversion of object ids, hashes and actors from and to the text and bytes of the Python API.

use automerge::{ActorId, ChangeHash, ObjId, ObjType, Prop, TextEncoding};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{InvalidHeadsError, InvalidObjectError};

pub const ACTOR_MAX_BYTES: usize = 64;

pub fn parse_obj(id: &str) -> PyResult<ObjId> {
    if id == "_root" {
        return Ok(ObjId::Root);
    }
    let malformed = || InvalidObjectError::new_err(format!("malformed object id {id:?}"));
    let (counter, actor) = id.split_once('@').ok_or_else(malformed)?;
    // The core stores counters in 32 bits, so no object has a larger one.
    let counter: u32 = counter.parse().map_err(|_| malformed())?;
    let actor: ActorId = actor.parse().map_err(|_| malformed())?;
    Ok(ObjId::Id(u64::from(counter), actor, 0))
}

pub fn parse_heads(heads: &[String]) -> PyResult<Vec<ChangeHash>> {
    heads.iter().map(|hash| parse_hash(hash)).collect()
}

pub fn parse_hash(hash: &str) -> PyResult<ChangeHash> {
    hash.parse()
        .map_err(|_| InvalidHeadsError::new_err(format!("malformed change hash {hash:?}")))
}

/// Sorts the heads as the core does, so that equal versions are equal lists.
pub fn show_heads(heads: &[ChangeHash]) -> Vec<String> {
    let mut heads = heads.to_vec();
    heads.sort_unstable();
    heads.iter().map(ToString::to_string).collect()
}

pub fn parse_actor(actor: Option<&[u8]>) -> PyResult<ActorId> {
    match actor {
        None => Ok(ActorId::random()),
        Some(bytes) if (1..=ACTOR_MAX_BYTES).contains(&bytes.len()) => Ok(ActorId::from(bytes)),
        Some(bytes) => Err(PyValueError::new_err(format!(
            "an actor is 1 to {ACTOR_MAX_BYTES} bytes, not {}",
            bytes.len()
        ))),
    }
}

pub fn parse_text_unit(unit: &str) -> PyResult<TextEncoding> {
    match unit {
        "unicode" => Ok(TextEncoding::UnicodeCodePoint),
        "utf16" => Ok(TextEncoding::Utf16CodeUnit),
        "utf8" => Ok(TextEncoding::Utf8CodeUnit),
        other => Err(PyValueError::new_err(format!(
            "text_unit is 'unicode', 'utf16' or 'utf8', not {other:?}"
        ))),
    }
}

pub fn show_text_unit(unit: TextEncoding) -> &'static str {
    match unit {
        TextEncoding::Utf16CodeUnit => "utf16",
        TextEncoding::Utf8CodeUnit => "utf8",
        TextEncoding::UnicodeCodePoint | TextEncoding::GraphemeCluster => "unicode",
    }
}

pub fn show_kind(kind: ObjType) -> &'static str {
    match kind {
        ObjType::Map => "map",
        ObjType::List => "list",
        ObjType::Text => "text",
        ObjType::Table => "table",
    }
}

/// A map key or an index from Python.
#[derive(FromPyObject)]
pub enum Key {
    Map(String),
    Seq(i64),
}

impl Key {
    pub fn to_prop(&self) -> PyResult<Prop> {
        match self {
            Key::Map(key) => Ok(Prop::Map(key.clone())),
            Key::Seq(index) => usize::try_from(*index)
                .map(Prop::Seq)
                .map_err(|_| PyIndexError::new_err(format!("index {index} is negative"))),
        }
    }
}

pub fn prop_to_py<'py>(py: Python<'py>, prop: &Prop) -> PyResult<Bound<'py, PyAny>> {
    match prop {
        Prop::Map(key) => Ok(PyString::new(py, key).into_any()),
        Prop::Seq(index) => Ok(index.into_pyobject(py)?.into_any()),
    }
}
