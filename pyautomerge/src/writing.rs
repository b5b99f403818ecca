//! Methods of `Document` that write values and text.

use automerge::hydrate::Value;
use automerge::transaction::{OwnedTransaction, Transactable};
use automerge::{ObjId, ObjType, Prop, ReadDoc};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::document::Document;
use crate::errors::from_core;
use crate::ids::{parse_obj, Key};
use crate::reading::no_such;
use crate::values::value_from_py;

type Made = Result<Option<ObjId>, automerge::AutomergeError>;

fn put(tx: &mut OwnedTransaction, obj: &ObjId, prop: Prop, value: &Value) -> Made {
    match value {
        Value::Scalar(scalar) => tx.put(obj, prop, scalar.clone()).map(|()| None),
        whole => tx.batch_create_object(obj, prop, whole, false).map(Some),
    }
}

fn insert(tx: &mut OwnedTransaction, obj: &ObjId, index: usize, value: &Value) -> Made {
    match value {
        Value::Scalar(scalar) => tx.insert(obj, index, scalar.clone()).map(|()| None),
        whole => tx.batch_create_object(obj, index, whole, true).map(Some),
    }
}

fn index(position: i64, name: &str) -> PyResult<usize> {
    usize::try_from(position)
        .map_err(|_| PyIndexError::new_err(format!("{name} {position} is negative")))
}

#[pymethods]
impl Document {
    #[pyo3(signature = (obj, prop, value, /))]
    fn put(
        &self,
        py: Python<'_>,
        obj: &str,
        prop: Key,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Option<String>> {
        let (obj, prop, value) = (parse_obj(obj)?, prop.to_prop()?, value_from_py(value)?);
        let mut state = self.lock(py);
        state.expect_holds(&obj, &prop)?;
        let made = state.edit(|tx| put(tx, &obj, prop, &value).map_err(from_core))?;
        Ok(made.map(|id| id.to_string()))
    }

    #[pyo3(signature = (obj, index, values, /))]
    fn insert(
        &self,
        py: Python<'_>,
        obj: &str,
        index: i64,
        values: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Option<String>>> {
        let (obj, first) = (parse_obj(obj)?, self::index(index, "index")?);
        let values: Vec<_> = values.iter().map(value_from_py).collect::<PyResult<_>>()?;
        let mut state = self.lock(py);
        state.expect_kind(&obj, &[ObjType::List])?;
        let made: Vec<_> = state.edit(|tx| {
            values
                .iter()
                .zip(first..)
                .map(|(value, at)| insert(tx, &obj, at, value).map_err(from_core))
                .collect::<PyResult<_>>()
        })?;
        Ok(made
            .into_iter()
            .map(|id| id.map(|id| id.to_string()))
            .collect())
    }

    #[pyo3(signature = (obj, prop, /))]
    fn delete(&self, py: Python<'_>, obj: &str, prop: Key) -> PyResult<()> {
        let (obj, prop) = (parse_obj(obj)?, prop.to_prop()?);
        let mut state = self.lock(py);
        state.expect_holds(&obj, &prop)?;
        state.edit(|tx| {
            if tx.get(&obj, prop.clone()).map_err(from_core)?.is_none() {
                return Err(no_such(&prop));
            }
            tx.delete(&obj, prop).map_err(from_core)
        })
    }

    #[pyo3(signature = (obj, position, delete, text = "", /))]
    fn splice_text(
        &self,
        py: Python<'_>,
        obj: &str,
        position: i64,
        delete: i64,
        text: &str,
    ) -> PyResult<()> {
        let obj = parse_obj(obj)?;
        let (position, delete) = (index(position, "position")?, index(delete, "length")?);
        let mut state = self.lock(py);
        state.expect_kind(&obj, &[ObjType::Text])?;
        state.edit(|tx| {
            let length = tx.length(&obj);
            match position.checked_add(delete) {
                Some(end) if end <= length => {}
                _ => {
                    return Err(PyIndexError::new_err(format!(
                        "cannot delete {delete} at {position}: the text has length {length}"
                    )))
                }
            }
            tx.splice_text(&obj, position, delete.cast_signed(), text)
                .map_err(from_core)
        })
    }

    #[pyo3(signature = (obj, text, /))]
    fn update_text(&self, py: Python<'_>, obj: &str, text: &str) -> PyResult<()> {
        let obj = parse_obj(obj)?;
        let mut state = self.lock(py);
        state.expect_kind(&obj, &[ObjType::Text])?;
        state.edit(|tx| tx.update_text(&obj, text).map_err(from_core))
    }

    #[pyo3(signature = (obj, prop, by, /))]
    fn increment(&self, py: Python<'_>, obj: &str, prop: Key, by: i64) -> PyResult<()> {
        let (obj, prop) = (parse_obj(obj)?, prop.to_prop()?);
        let mut state = self.lock(py);
        state.expect_holds(&obj, &prop)?;
        state.edit(|tx| {
            if tx.get(&obj, prop.clone()).map_err(from_core)?.is_none() {
                return Err(no_such(&prop));
            }
            tx.increment(&obj, prop, by).map_err(from_core)
        })
    }
}
