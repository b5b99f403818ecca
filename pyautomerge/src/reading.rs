//! Methods of `Document` that read values, text, paths and cursors.

use automerge::{
    ChangeHash, Cursor, CursorPosition, MoveCursor, ObjId, ObjType, Parents, Prop, ReadDoc,
    ValueRef,
};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::document::Document;
use crate::errors::{from_core, AutomergeError, InvalidCursorError, InvalidObjectError};
use crate::ids::{parse_heads, parse_obj, prop_to_py, show_kind, Key};
use crate::state::{read, State};
use crate::values::{Held, Tree, MAX_DEPTH};

type Version = Option<Vec<ChangeHash>>;

fn version(heads: Option<Vec<String>>) -> PyResult<Version> {
    heads.map(|heads| parse_heads(&heads)).transpose()
}

pub fn no_such(prop: &Prop) -> PyErr {
    match prop {
        Prop::Map(key) => PyKeyError::new_err(key.clone()),
        Prop::Seq(index) => PyIndexError::new_err(format!("index {index} is out of range")),
    }
}

impl State {
    /// Returns the kind of `obj`, or an error unless it is one of `kinds`.
    pub fn expect_kind(&self, obj: &ObjId, kinds: &[ObjType]) -> PyResult<ObjType> {
        let kind = self.kind(obj)?;
        if kinds.contains(&kind) {
            return Ok(kind);
        }
        let wanted: Vec<_> = kinds.iter().map(|kind| show_kind(*kind)).collect();
        Err(InvalidObjectError::new_err(format!(
            "{obj} is a {}, not a {}",
            show_kind(kind),
            wanted.join(" or ")
        )))
    }

    /// Checks that `obj` is a map for a key, or a list or text for an index.
    pub fn expect_holds(&self, obj: &ObjId, prop: &Prop) -> PyResult<()> {
        let kinds: &[_] = match prop {
            Prop::Map(_) => &[ObjType::Map, ObjType::Table],
            Prop::Seq(_) => &[ObjType::List, ObjType::Text],
        };
        self.expect_kind(obj, kinds).map(|_| ())
    }

    fn get(&mut self, obj: &ObjId, prop: &Prop, at: Version) -> PyResult<Held> {
        self.require_version(at.as_deref())?;
        self.expect_holds(obj, prop)?;
        read!(self, doc => match &at {
            None => doc.get(obj, prop.clone()),
            Some(heads) => doc.get_at(obj, prop.clone(), heads),
        }
        .map(|found| found.map(|(value, id)| Held::new(value, id))))?
        .map_err(from_core)?
        .ok_or_else(|| no_such(prop))
    }

    fn get_all(&mut self, obj: &ObjId, prop: &Prop, at: Version) -> PyResult<Vec<(Held, String)>> {
        self.require_version(at.as_deref())?;
        self.expect_holds(obj, prop)?;
        read!(self, doc => match &at {
            None => doc.get_all(obj, prop.clone()),
            Some(heads) => doc.get_all_at(obj, prop.clone(), heads),
        }
        .map(|all| {
            all.into_iter()
                .map(|(value, id)| (Held::new(value, id.clone()), id.to_string()))
                .collect()
        }))?
        .map_err(from_core)
    }

    fn keys(&mut self, obj: &ObjId, at: Version) -> PyResult<Vec<String>> {
        self.require_version(at.as_deref())?;
        self.expect_kind(obj, &[ObjType::Map, ObjType::Table])?;
        read!(self, doc => match &at {
            None => doc.keys(obj).collect(),
            Some(heads) => doc.keys_at(obj, heads).collect(),
        })
    }

    fn items(&mut self, obj: &ObjId, at: Version) -> PyResult<Vec<(Prop, Held)>> {
        self.require_version(at.as_deref())?;
        let kind = self.expect_kind(obj, &[ObjType::Map, ObjType::Table, ObjType::List])?;
        read!(self, doc => if kind == ObjType::List {
            let range = match &at {
                None => doc.list_range(obj, ..),
                Some(heads) => doc.list_range_at(obj, .., heads),
            };
            range
                .map(|item| (Prop::Seq(item.index), Held::new(item.value.clone().into(), item.id())))
                .collect()
        } else {
            let range = match &at {
                None => doc.map_range(obj, ..),
                Some(heads) => doc.map_range_at(obj, .., heads),
            };
            range
                .map(|item| (Prop::Map(item.key.to_string()), Held::new(item.value.clone().into(), item.id())))
                .collect()
        })
    }

    fn length(&mut self, obj: &ObjId, at: Version) -> PyResult<usize> {
        self.require_version(at.as_deref())?;
        let kind = self.kind(obj)?;
        if matches!(kind, ObjType::Map | ObjType::Table) {
            return self.keys(obj, at).map(|keys| keys.len());
        }
        read!(self, doc => match &at {
            None => doc.length(obj),
            Some(heads) => doc.length_at(obj, heads),
        })
    }

    fn text(&mut self, obj: &ObjId, at: Version) -> PyResult<String> {
        self.require_version(at.as_deref())?;
        self.expect_kind(obj, &[ObjType::Text])?;
        read!(self, doc => match &at {
            None => doc.text(obj),
            Some(heads) => doc.text_at(obj, heads),
        })?
        .map_err(from_core)
    }

    fn tree(&mut self, obj: &ObjId, at: Version) -> PyResult<Tree> {
        self.require_version(at.as_deref())?;
        let kind = self.kind(obj)?;
        read!(self, doc => grow(doc, obj, kind, at.as_deref(), 0))?
    }

    fn cursor(
        &mut self,
        obj: &ObjId,
        place: Place,
        side: MoveCursor,
        at: Version,
    ) -> PyResult<String> {
        self.expect_kind(obj, &[ObjType::List, ObjType::Text])?;
        let position = match place {
            Place::Start => CursorPosition::Start,
            Place::End => CursorPosition::End,
            Place::At(index) => match index.cmp(&self.length(obj, at.clone())?) {
                std::cmp::Ordering::Less => CursorPosition::Index(index),
                std::cmp::Ordering::Equal => CursorPosition::End,
                std::cmp::Ordering::Greater => return Err(no_such(&Prop::Seq(index))),
            },
        };
        self.require_version(at.as_deref())?;
        read!(self, doc => doc.get_cursor_moving(obj, position, at.as_deref(), side))?
            .map(|cursor| cursor.to_string())
            .map_err(from_core)
    }

    fn cursor_position(&mut self, obj: &ObjId, cursor: &str, at: Version) -> PyResult<usize> {
        self.require_version(at.as_deref())?;
        self.expect_kind(obj, &[ObjType::List, ObjType::Text])?;
        let parsed = parse_cursor(cursor)?;
        // The core panics if the element belongs to another object.
        read!(self, doc => doc.get_cursor_position(obj, &parsed, at.as_deref()))
            .map_err(|_| {
                InvalidCursorError::new_err(format!(
                    "the cursor {cursor} does not belong to the object {obj}"
                ))
            })?
            .map_err(from_core)
    }
}

/// Checks the text first, because the core assumes non-empty ASCII text and truncates counters to
/// 32 bits.
fn parse_cursor(cursor: &str) -> PyResult<Cursor> {
    let malformed = || InvalidCursorError::new_err(format!("malformed cursor {cursor:?}"));
    let counter = cursor
        .trim_start_matches('-')
        .split('@')
        .next()
        .unwrap_or_default();
    let plausible = matches!(cursor, "s" | "e") || counter.parse::<u32>().is_ok();
    if !plausible || !cursor.is_ascii() {
        return Err(malformed());
    }
    Cursor::try_from(cursor).map_err(|_| malformed())
}

fn grow<D: ReadDoc>(
    doc: &D,
    obj: &ObjId,
    kind: ObjType,
    at: Option<&[ChangeHash]>,
    depth: usize,
) -> PyResult<Tree> {
    if depth > MAX_DEPTH {
        return Err(AutomergeError::new_err(format!(
            "the document is nested deeper than {MAX_DEPTH} levels"
        )));
    }
    let leaf = |value: ValueRef<'_>, id: ObjId| match value.into_value() {
        automerge::Value::Object(kind) => grow(doc, &id, kind, at, depth + 1),
        automerge::Value::Scalar(scalar) => Ok(Tree::Scalar(scalar.into_owned())),
    };
    match kind {
        ObjType::Text => at
            .map_or_else(|| doc.text(obj), |heads| doc.text_at(obj, heads))
            .map(Tree::Text)
            .map_err(from_core),
        ObjType::List => at
            .map_or_else(
                || doc.list_range(obj, ..),
                |heads| doc.list_range_at(obj, .., heads),
            )
            .map(|item| {
                let id = item.id();
                leaf(item.value, id)
            })
            .collect::<PyResult<_>>()
            .map(Tree::List),
        ObjType::Map | ObjType::Table => at
            .map_or_else(
                || doc.map_range(obj, ..),
                |heads| doc.map_range_at(obj, .., heads),
            )
            .map(|item| {
                let id = item.id();
                Ok((item.key.into_owned(), leaf(item.value, id)?))
            })
            .collect::<PyResult<_>>()
            .map(Tree::Map),
    }
}

enum Place {
    Start,
    End,
    At(usize),
}

impl Place {
    fn from_key(key: &Key) -> PyResult<Self> {
        match key {
            Key::Map(word) if word == "start" => Ok(Place::Start),
            Key::Map(word) if word == "end" => Ok(Place::End),
            Key::Map(word) => Err(PyValueError::new_err(format!(
                "a cursor's position is an int, 'start' or 'end', not {word:?}"
            ))),
            Key::Seq(index) => usize::try_from(*index)
                .map(Place::At)
                .map_err(|_| PyIndexError::new_err(format!("position {index} is negative"))),
        }
    }
}

#[pymethods]
impl Document {
    #[pyo3(signature = (obj, prop, /, *, heads = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        obj: &str,
        prop: Key,
        heads: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (obj, prop, at) = (parse_obj(obj)?, prop.to_prop()?, version(heads)?);
        let held = self.lock(py).get(&obj, &prop, at)?;
        held.to_py(py)
    }

    #[pyo3(signature = (obj, prop, /, *, heads = None))]
    fn get_all<'py>(
        &self,
        py: Python<'py>,
        obj: &str,
        prop: Key,
        heads: Option<Vec<String>>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, String)>> {
        let (obj, prop, at) = (parse_obj(obj)?, prop.to_prop()?, version(heads)?);
        let all = self.lock(py).get_all(&obj, &prop, at)?;
        all.into_iter()
            .map(|(held, id)| Ok((held.to_py(py)?, id)))
            .collect()
    }

    #[pyo3(signature = (obj, /, *, heads = None))]
    fn keys(&self, py: Python<'_>, obj: &str, heads: Option<Vec<String>>) -> PyResult<Vec<String>> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        self.lock(py).keys(&obj, at)
    }

    #[pyo3(signature = (obj, /, *, heads = None))]
    fn items<'py>(
        &self,
        py: Python<'py>,
        obj: &str,
        heads: Option<Vec<String>>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        let items = self.lock(py).items(&obj, at)?;
        items
            .iter()
            .map(|(prop, held)| Ok((prop_to_py(py, prop)?, held.to_py(py)?)))
            .collect()
    }

    #[pyo3(signature = (obj, /, *, heads = None))]
    fn length(&self, py: Python<'_>, obj: &str, heads: Option<Vec<String>>) -> PyResult<usize> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        self.lock(py).length(&obj, at)
    }

    #[pyo3(signature = (obj, /, *, heads = None))]
    fn text(&self, py: Python<'_>, obj: &str, heads: Option<Vec<String>>) -> PyResult<String> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        self.lock(py).text(&obj, at)
    }

    #[pyo3(signature = (obj = "_root", /, *, heads = None))]
    fn to_py<'py>(
        &self,
        py: Python<'py>,
        obj: &str,
        heads: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        let tree = self.lock(py).tree(&obj, at)?;
        tree.to_py(py)
    }

    #[pyo3(signature = (obj, /))]
    fn kind(&self, py: Python<'_>, obj: &str) -> PyResult<&'static str> {
        let obj = parse_obj(obj)?;
        self.lock(py).kind(&obj).map(show_kind)
    }

    #[pyo3(signature = (obj, /))]
    fn path<'py>(&self, py: Python<'py>, obj: &str) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let obj = parse_obj(obj)?;
        let path = {
            let state = self.lock(py);
            read!(state, doc => doc.parents(&obj).map(Parents::visible_path))?.map_err(from_core)?
        };
        let Some(path) = path else { return Ok(None) };
        let props: Vec<_> = path
            .iter()
            .map(|(_, prop)| prop_to_py(py, prop))
            .collect::<PyResult<_>>()?;
        PyTuple::new(py, props).map(Some)
    }

    #[pyo3(signature = (obj, /))]
    fn parent<'py>(
        &self,
        py: Python<'py>,
        obj: &str,
    ) -> PyResult<Option<(String, Bound<'py, PyAny>)>> {
        let obj = parse_obj(obj)?;
        let parent = {
            let state = self.lock(py);
            read!(state, doc => doc.parents(&obj).map(|mut parents| parents.next()))?
                .map_err(from_core)?
        };
        parent
            .map(|parent| Ok((parent.obj.to_string(), prop_to_py(py, &parent.prop)?)))
            .transpose()
    }

    #[pyo3(signature = (obj, position, /, *, r#move = "after", heads = None))]
    fn cursor(
        &self,
        py: Python<'_>,
        obj: &str,
        position: Key,
        r#move: &str,
        heads: Option<Vec<String>>,
    ) -> PyResult<String> {
        let side = match r#move {
            "after" => MoveCursor::After,
            "before" => MoveCursor::Before,
            other => {
                return Err(PyValueError::new_err(format!(
                    "a cursor moves 'before' or 'after', not {other:?}"
                )))
            }
        };
        let (obj, place, at) = (
            parse_obj(obj)?,
            Place::from_key(&position)?,
            version(heads)?,
        );
        self.lock(py).cursor(&obj, place, side, at)
    }

    #[pyo3(signature = (obj, cursor, /, *, heads = None))]
    fn cursor_position(
        &self,
        py: Python<'_>,
        obj: &str,
        cursor: &str,
        heads: Option<Vec<String>>,
    ) -> PyResult<usize> {
        let (obj, at) = (parse_obj(obj)?, version(heads)?);
        self.lock(py).cursor_position(&obj, cursor, at)
    }
}
