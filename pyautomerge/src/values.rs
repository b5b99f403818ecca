//! Conversion of scalars and nested values from and to Python.

use std::collections::HashMap;

use automerge::{hydrate, ObjId, ObjType, ScalarValue, TextEncoding, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTzInfo,
};

use crate::ids::show_kind;

/// Deeper values would exhaust the stack during a conversion; Python's own limit is similar.
pub const MAX_DEPTH: usize = 500;

#[pyclass(frozen, eq, hash, module = "pyautomerge")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text {
    #[pyo3(get)]
    value: String,
}

#[pymethods]
impl Text {
    #[new]
    #[pyo3(signature = (value = "", /))]
    fn new(value: &str) -> Self {
        Self {
            value: value.to_owned(),
        }
    }

    fn __repr__(&self) -> String {
        format!("Text({:?})", self.value)
    }
}

#[pyclass(frozen, eq, hash, module = "pyautomerge")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Counter {
    #[pyo3(get)]
    value: i64,
}

#[pymethods]
impl Counter {
    #[new]
    #[pyo3(signature = (value = 0, /))]
    fn new(value: i64) -> Self {
        Self { value }
    }

    fn __repr__(&self) -> String {
        format!("Counter({})", self.value)
    }
}

#[pyclass(frozen, eq, hash, module = "pyautomerge")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uint {
    #[pyo3(get)]
    value: u64,
}

#[pymethods]
impl Uint {
    #[new]
    #[pyo3(signature = (value, /))]
    fn new(value: u64) -> Self {
        Self { value }
    }

    fn __repr__(&self) -> String {
        format!("Uint({})", self.value)
    }
}

#[pyclass(frozen, eq, hash, module = "pyautomerge")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Obj {
    #[pyo3(get)]
    id: String,
    #[pyo3(get)]
    kind: &'static str,
}

#[pymethods]
impl Obj {
    fn __repr__(&self) -> String {
        format!("Obj(id={:?}, kind={:?})", self.id, self.kind)
    }
}

/// Converts a whole value before any of it is written, so that no write fails halfway.
pub fn value_from_py(value: &Bound<'_, PyAny>) -> PyResult<hydrate::Value> {
    value_from_py_at(value, 0)
}

fn value_from_py_at(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<hydrate::Value> {
    if depth > MAX_DEPTH {
        return Err(PyValueError::new_err(format!(
            "a value is nested deeper than {MAX_DEPTH} levels"
        )));
    }
    if let Ok(text) = value.cast::<Text>() {
        // The unit has no effect: the core reads the whole text and uses the document's unit.
        let unit = TextEncoding::UnicodeCodePoint;
        Ok(hydrate::Value::text(unit, &text.get().value))
    } else if let Ok(dict) = value.cast::<PyDict>() {
        let mut entries = HashMap::with_capacity(dict.len());
        for (key, item) in dict.iter() {
            let key = key
                .cast::<PyString>()
                .map_err(|_| PyTypeError::new_err(format!("a map's keys are str, not {key:?}")))?;
            entries.insert(
                key.to_str()?.to_owned(),
                value_from_py_at(&item, depth + 1)?,
            );
        }
        Ok(hydrate::Map::from(entries).into())
    } else if let Ok(list) = value.cast::<PyList>() {
        list.iter()
            .map(|item| value_from_py_at(&item, depth + 1))
            .collect::<PyResult<Vec<_>>>()
            .map(hydrate::Value::from)
    } else {
        scalar_from_py(value).map(hydrate::Value::Scalar)
    }
}

fn scalar_from_py(value: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    if value.is_none() {
        Ok(ScalarValue::Null)
    } else if let Ok(flag) = value.cast::<PyBool>() {
        Ok(ScalarValue::Boolean(flag.is_true()))
    } else if let Ok(text) = value.cast::<PyString>() {
        Ok(ScalarValue::Str(text.to_str()?.into()))
    } else if value.is_instance_of::<PyInt>() {
        value.extract().map(ScalarValue::Int)
    } else if value.is_instance_of::<PyFloat>() {
        value.extract().map(ScalarValue::F64)
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        Ok(ScalarValue::Bytes(bytes.as_bytes().to_vec()))
    } else if let Ok(counter) = value.cast::<Counter>() {
        Ok(ScalarValue::counter(counter.get().value))
    } else if let Ok(uint) = value.cast::<Uint>() {
        Ok(ScalarValue::Uint(uint.get().value))
    } else if let Ok(moment) = value.cast::<PyDateTime>() {
        millis_from_py(moment).map(ScalarValue::Timestamp)
    } else {
        Err(PyTypeError::new_err(format!(
            "{} is not a value that Automerge can hold",
            value.get_type().qualname()?
        )))
    }
}

fn epoch(py: Python<'_>) -> PyResult<Bound<'_, PyDateTime>> {
    let utc = PyTzInfo::utc(py)?;
    PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))
}

fn millis_from_py(moment: &Bound<'_, PyDateTime>) -> PyResult<i64> {
    let py = moment.py();
    if moment.call_method0("utcoffset")?.is_none() {
        return Err(PyValueError::new_err(
            "a datetime needs a time zone, because Automerge stores moments, not local times",
        ));
    }
    let since = moment.sub(epoch(py)?)?;
    since
        .floor_div(PyDelta::new(py, 0, 0, 1000, false)?)?
        .extract()
}

/// Clamps timestamps beyond Python's calendar to its first or last moment, because an odd timestamp
/// of another peer must not make a document unreadable.
fn millis_to_py(py: Python<'_>, millis: i64) -> PyResult<Bound<'_, PyAny>> {
    const DAY: i64 = 86_400_000;
    const FIRST: i64 = -719_162 * DAY;
    const LAST: i64 = 2_932_897 * DAY - 1;
    let millis = millis.clamp(FIRST, LAST);
    let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let delta = PyDelta::new(
        py,
        i32::try_from(days)?,
        i32::try_from(rest / 1000)?,
        i32::try_from(rest % 1000 * 1000)?,
        true,
    )?;
    epoch(py)?.add(delta)
}

pub fn scalar_to_py<'py>(py: Python<'py>, value: &ScalarValue) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        ScalarValue::Null => py.None().into_bound(py),
        ScalarValue::Boolean(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        ScalarValue::Int(number) => number.into_pyobject(py)?.into_any(),
        ScalarValue::Uint(number) => Bound::new(py, Uint { value: *number })?.into_any(),
        ScalarValue::F64(number) => PyFloat::new(py, *number).into_any(),
        ScalarValue::Str(text) => PyString::new(py, text).into_any(),
        ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. } => {
            PyBytes::new(py, bytes).into_any()
        }
        ScalarValue::Counter(counter) => Bound::new(
            py,
            Counter {
                value: counter.into(),
            },
        )?
        .into_any(),
        ScalarValue::Timestamp(millis) => millis_to_py(py, *millis)?,
    })
}

/// The value at a key or index, independent of the document.
#[derive(Clone, PartialEq)]
pub enum Held {
    Scalar(ScalarValue),
    Obj(ObjId, ObjType),
}

impl Held {
    pub fn new(value: Value<'_>, id: ObjId) -> Self {
        match value {
            Value::Object(kind) => Held::Obj(id, kind),
            Value::Scalar(scalar) => Held::Scalar(scalar.into_owned()),
        }
    }

    pub fn to_py<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Held::Scalar(scalar) => scalar_to_py(py, scalar),
            Held::Obj(id, kind) => {
                let obj = Obj {
                    id: id.to_string(),
                    kind: show_kind(*kind),
                };
                Ok(Bound::new(py, obj)?.into_any())
            }
        }
    }
}

/// A whole tree of values, independent of the document.
pub enum Tree {
    Scalar(ScalarValue),
    Text(String),
    Map(Vec<(String, Tree)>),
    List(Vec<Tree>),
}

impl Tree {
    pub fn to_py<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Tree::Scalar(scalar) => scalar_to_py(py, scalar)?,
            Tree::Text(text) => PyString::new(py, text).into_any(),
            Tree::Map(entries) => {
                let dict = PyDict::new(py);
                for (key, item) in entries {
                    dict.set_item(key, item.to_py(py)?)?;
                }
                dict.into_any()
            }
            Tree::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| item.to_py(py))
                    .collect::<PyResult<_>>()?;
                PyList::new(py, items)?.into_any()
            }
        })
    }
}
