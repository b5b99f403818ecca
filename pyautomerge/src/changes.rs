//! Changes and their operations, decoded for inspection without a document.

use std::borrow::Cow;

use automerge::legacy::{ElementId, Key, ObjectId, Op as CoreOp, OpId, OpType};
use automerge::{Change as CoreChange, ObjType, ScalarValue};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::budget::Budget;
use crate::chunks::{self, Kind};
use crate::document::off_the_lock;
use crate::errors::{undecodable, DecodeError};
use crate::guard::guard;
use crate::ids::{show_heads, show_kind};
use crate::values::scalar_to_py;

#[pyclass(frozen, module = "pyautomerge")]
pub struct Change {
    core: CoreChange,
    /// The received bytes, because compressing again in the core may give other bytes.
    compressed: Option<Box<[u8]>>,
}

impl Change {
    pub fn core(&self) -> &CoreChange {
        &self.core
    }

    fn expanded(&self) -> PyResult<impl Iterator<Item = Op> + '_> {
        let expanded = guard(|| self.core.decode()).map_err(undecodable)?;
        let actor = self.core.actor_id();
        let ids = self.core.start_op().get()..;
        Ok(ids.zip(expanded.operations).map(move |(counter, op)| Op {
            id: format!("{counter}@{actor}"),
            op,
        }))
    }
}

/// Whether two operations on elements of one text or list are equal to a permission check. An
/// operation on a map never is, because each can change the value of a key.
fn alike(a: &CoreOp, b: &CoreOp) -> bool {
    let same_value = match (&a.action, &b.action) {
        (OpType::Put(a), OpType::Put(b)) => is_character(a) && is_character(b),
        (OpType::Delete, OpType::Delete) => true,
        _ => false,
    };
    same_value
        && a.insert == b.insert
        && a.obj == b.obj
        && !a.key.is_map_key()
        && !b.key.is_map_key()
}

/// Whether the value is one character, as the core stores in each element of a text.
fn is_character(value: &ScalarValue) -> bool {
    matches!(value, ScalarValue::Str(text) if text.chars().nth(1).is_none() && !text.is_empty())
}

impl From<CoreChange> for Change {
    fn from(core: CoreChange) -> Self {
        Self {
            core,
            compressed: None,
        }
    }
}

#[pymethods]
impl Change {
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn decode(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        off_the_lock(py, data.len(), || {
            let chunks = chunks::split(data, &mut Budget::for_strangers(data.len()))?;
            let [chunk] = chunks.as_slice() else {
                return Err(DecodeError::new_err(format!(
                    "expected one chunk, but the data holds {} chunks",
                    chunks.len()
                )));
            };
            if !matches!(chunk.kind, Kind::Change | Kind::Compressed) {
                return Err(DecodeError::new_err("the chunk is not a change"));
            }
            let core = chunk
                .changes()?
                .pop()
                .ok_or_else(|| DecodeError::new_err("the chunk holds no change"))?;
            let compressed = (chunk.kind == Kind::Compressed).then(|| chunk.bytes.into());
            Ok(Self { core, compressed })
        })
    }

    #[staticmethod]
    #[pyo3(signature = (data, /, *, max_ops = 2_000_000))]
    fn decode_all(py: Python<'_>, data: &[u8], max_ops: u64) -> PyResult<Vec<Self>> {
        let mut budget = Budget::for_ops(max_ops, data.len());
        let decode = || chunks::decode(&chunks::split(data, &mut budget)?);
        let changes = off_the_lock(py, data.len(), decode)?;
        Ok(changes.into_iter().map(Self::from).collect())
    }

    #[getter]
    fn hash(&self) -> String {
        self.core.hash().to_string()
    }

    #[getter]
    fn actor(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.core.actor_id().to_bytes())
    }

    #[getter]
    fn seq(&self) -> u64 {
        self.core.seq()
    }

    #[getter]
    fn start_op(&self) -> u64 {
        self.core.start_op().get()
    }

    #[getter]
    fn time(&self) -> i64 {
        self.core.timestamp()
    }

    #[getter]
    fn message(&self) -> Option<&str> {
        self.core.message()
    }

    #[getter]
    fn deps(&self) -> Vec<String> {
        show_heads(self.core.deps())
    }

    #[getter]
    fn op_count(&self) -> usize {
        self.core.len()
    }

    #[getter]
    fn ops(&self, py: Python<'_>) -> PyResult<Vec<Op>> {
        off_the_lock(py, self.core.raw_bytes().len(), || {
            Ok(self.expanded()?.collect())
        })
    }

    #[getter]
    fn distinct_ops(&self, py: Python<'_>) -> PyResult<Vec<Op>> {
        off_the_lock(py, self.core.raw_bytes().len(), || {
            let mut kept: Vec<Op> = Vec::new();
            for op in self.expanded()? {
                if !kept.last().is_some_and(|last| alike(&last.op, &op.op)) {
                    kept.push(op);
                }
            }
            Ok(kept)
        })
    }

    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(
            py,
            self.compressed
                .as_deref()
                .unwrap_or_else(|| self.core.raw_bytes()),
        )
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Self>()
            .is_ok_and(|other| other.get().core.hash() == self.core.hash())
    }

    fn __hash__(&self) -> u64 {
        self.core
            .hash()
            .0
            .first_chunk()
            .map_or(0, |head| u64::from_le_bytes(*head))
    }

    fn __repr__(&self) -> String {
        let core = &self.core;
        format!(
            "Change({}, actor={}, seq={})",
            core.hash(),
            core.actor_id(),
            core.seq()
        )
    }
}

#[pyclass(frozen, module = "pyautomerge")]
pub struct Op {
    #[pyo3(get)]
    id: String,
    op: CoreOp,
}

fn show_op_id(OpId(counter, actor): &OpId) -> String {
    format!("{counter}@{actor}")
}

#[pymethods]
impl Op {
    #[getter]
    fn action(&self) -> &'static str {
        match self.op.action {
            OpType::Make(_) => "make",
            OpType::Put(_) => "set",
            OpType::Delete => "delete",
            OpType::Increment(_) => "increment",
            OpType::MarkBegin(_) | OpType::MarkEnd(_) => "mark",
        }
    }

    #[getter]
    fn obj(&self) -> String {
        match &self.op.obj {
            ObjectId::Root => "_root".to_owned(),
            ObjectId::Id(id) => show_op_id(id),
        }
    }

    #[getter]
    fn key(&self) -> String {
        match &self.op.key {
            Key::Map(key) => key.to_string(),
            Key::Seq(ElementId::Head) => "_head".to_owned(),
            Key::Seq(ElementId::Id(id)) => show_op_id(id),
        }
    }

    #[getter]
    fn is_map_key(&self) -> bool {
        self.op.key.is_map_key()
    }

    #[getter]
    fn insert(&self) -> bool {
        self.op.insert
    }

    #[getter]
    fn kind(&self) -> Option<&'static str> {
        self.op.obj_type().map(|kind: ObjType| show_kind(kind))
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        scalar_to_py(py, &self.op.primitive_value().unwrap_or(ScalarValue::Null))
    }

    #[getter]
    fn pred(&self) -> Vec<String> {
        self.op.pred.iter().map(show_op_id).collect()
    }

    fn __repr__(&self) -> String {
        format!(
            "Op({:?}, id={:?}, obj={:?}, key={:?}, insert={})",
            self.action(),
            self.id,
            self.obj(),
            self.key(),
            if self.op.insert { "True" } else { "False" },
        )
    }
}
