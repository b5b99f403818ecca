//! Writing values and text.

use automerge::transaction::{OwnedTransaction, Transactable};
use automerge::{ObjId, ObjType, Prop, ReadDoc};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::document::Document;
use crate::errors::from_core;
use crate::ids::{parse_obj, Key};
use crate::reading::no_such;
use crate::values::Node;

type Made = Result<Option<ObjId>, automerge::AutomergeError>;

fn put(tx: &mut OwnedTransaction, obj: &ObjId, prop: Prop, node: Node) -> Made {
    match node {
        Node::Scalar(scalar) => tx.put(obj, prop, scalar).map(|()| None),
        container => {
            let made = tx.put_object(obj, prop, kind_of(&container))?;
            fill(tx, made, container)
        }
    }
}

fn insert(tx: &mut OwnedTransaction, obj: &ObjId, index: usize, node: Node) -> Made {
    match node {
        Node::Scalar(scalar) => tx.insert(obj, index, scalar).map(|()| None),
        container => {
            let made = tx.insert_object(obj, index, kind_of(&container))?;
            fill(tx, made, container)
        }
    }
}

fn kind_of(node: &Node) -> ObjType {
    match node {
        Node::Text(_) => ObjType::Text,
        Node::List(_) => ObjType::List,
        Node::Map(_) | Node::Scalar(_) => ObjType::Map,
    }
}

/// In the order that Python gives: the same value makes the same operations.
fn fill(tx: &mut OwnedTransaction, made: ObjId, node: Node) -> Made {
    match node {
        Node::Scalar(_) => {}
        Node::Text(text) => tx.splice_text(&made, 0, 0, &text)?,
        Node::Map(entries) => {
            for (key, item) in entries {
                put(tx, &made, Prop::Map(key), item)?;
            }
        }
        Node::List(items) => {
            for (index, item) in items.into_iter().enumerate() {
                insert(tx, &made, index, item)?;
            }
        }
    }
    Ok(Some(made))
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
        let (obj, prop, node) = (parse_obj(obj)?, prop.to_prop()?, Node::from_py(value)?);
        let mut state = self.lock(py);
        state.expect_holds(&obj, &prop)?;
        let made = state.edit(|tx| put(tx, &obj, prop, node).map_err(from_core))?;
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
        let nodes: Vec<_> = values.iter().map(Node::from_py).collect::<PyResult<_>>()?;
        let mut state = self.lock(py);
        state.expect_kind(&obj, &[ObjType::List])?;
        let made: Vec<_> = state.edit(|tx| {
            nodes
                .into_iter()
                .zip(first..)
                .map(|(node, at)| insert(tx, &obj, at, node).map_err(from_core))
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
