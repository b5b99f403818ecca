//! Patches: visible changes of a document, for Python.

use automerge::{Patch as CorePatch, PatchAction, Prop, ScalarValue};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::ids::prop_to_py;
use crate::values::Held;

#[pyclass(frozen, module = "pyautomerge")]
pub struct Patch {
    obj: String,
    path: Vec<Prop>,
    action: Action,
}

enum Action {
    Put(Prop, Held),
    Insert(usize, Vec<Held>),
    Delete(Prop, usize),
    Splice(usize, String),
    Increment(Prop, i64),
    Conflict(Prop),
    Mark,
}

impl From<CorePatch> for Patch {
    fn from(patch: CorePatch) -> Self {
        Self {
            obj: patch.obj.to_string(),
            path: patch.path.into_iter().map(|(_, prop)| prop).collect(),
            action: patch.action.into(),
        }
    }
}

impl From<PatchAction> for Action {
    fn from(action: PatchAction) -> Self {
        match action {
            PatchAction::PutMap {
                key,
                value: (value, id),
                ..
            } => Action::Put(Prop::Map(key), Held::new(value, id)),
            PatchAction::PutSeq {
                index,
                value: (value, id),
                ..
            } => Action::Put(Prop::Seq(index), Held::new(value, id)),
            PatchAction::Insert { index, values } => Action::Insert(
                index,
                values
                    .iter()
                    .map(|(value, id, _)| Held::new(value.clone(), id.clone()))
                    .collect(),
            ),
            PatchAction::SpliceText { index, value, .. } => {
                Action::Splice(index, value.make_string())
            }
            PatchAction::Increment { prop, value } => Action::Increment(prop, value),
            PatchAction::Conflict { prop } => Action::Conflict(prop),
            PatchAction::DeleteMap { key } => Action::Delete(Prop::Map(key), 1),
            PatchAction::DeleteSeq { index, length } => Action::Delete(Prop::Seq(index), length),
            PatchAction::Mark { .. } => Action::Mark,
        }
    }
}

pub fn to_patches(patches: Vec<CorePatch>) -> Vec<Patch> {
    patches.into_iter().map(Patch::from).collect()
}

#[pymethods]
impl Patch {
    #[getter]
    fn action(&self) -> &'static str {
        match self.action {
            Action::Put(..) => "put",
            Action::Insert(..) => "insert",
            Action::Delete(..) => "delete",
            Action::Splice(..) => "splice",
            Action::Increment(..) => "increment",
            Action::Conflict(_) => "conflict",
            Action::Mark => "mark",
        }
    }

    #[getter]
    fn obj(&self) -> &str {
        &self.obj
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let props: Vec<_> = self
            .path
            .iter()
            .map(|prop| prop_to_py(py, prop))
            .collect::<PyResult<_>>()?;
        PyTuple::new(py, props)
    }

    #[getter]
    fn prop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &self.action {
            Action::Put(prop, _)
            | Action::Delete(prop, _)
            | Action::Increment(prop, _)
            | Action::Conflict(prop) => prop_to_py(py, prop).map(Some),
            Action::Insert(index, _) | Action::Splice(index, _) => {
                prop_to_py(py, &Prop::Seq(*index)).map(Some)
            }
            Action::Mark => Ok(None),
        }
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.action {
            Action::Put(_, value) => value.to_py(py),
            _ => Held::Scalar(ScalarValue::Null).to_py(py),
        }
    }

    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        match &self.action {
            Action::Insert(_, values) => values
                .iter()
                .map(|value| value.to_py(py))
                .collect::<PyResult<_>>()
                .map(Some),
            _ => Ok(None),
        }
    }

    #[getter]
    fn text(&self) -> Option<&str> {
        match &self.action {
            Action::Splice(_, text) => Some(text),
            _ => None,
        }
    }

    #[getter]
    fn length(&self) -> Option<usize> {
        match self.action {
            Action::Delete(_, length) => Some(length),
            _ => None,
        }
    }

    #[getter]
    fn by(&self) -> Option<i64> {
        match self.action {
            Action::Increment(_, by) => Some(by),
            _ => None,
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let place = match self.prop(py)? {
            Some(prop) => format!(", prop={}", prop.repr()?),
            None => String::new(),
        };
        let what = match &self.action {
            Action::Put(_, value) => format!(", value={}", value.to_py(py)?.repr()?),
            Action::Insert(_, values) => format!(", {} values", values.len()),
            Action::Delete(_, length) => format!(", length={length}"),
            Action::Splice(_, text) => format!(", text={text:?}"),
            Action::Increment(_, by) => format!(", by={by}"),
            Action::Conflict(_) | Action::Mark => String::new(),
        };
        Ok(format!(
            "Patch({:?}, obj={:?}{place}{what})",
            self.action(),
            self.obj
        ))
    }
}
