//! Methods of `Document` for versions, bytes and changes.

use automerge::transaction::CommitOptions;
use automerge::{Automerge, LoadOptions, Patch as CorePatch, PatchLog, ReadDoc};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator};

use crate::budget::Budget;
use crate::changes::Change;
use crate::chunks::{self, Kind};
use crate::document::Document;
use crate::errors::{core_failed, from_core};
use crate::guard::guard;
use crate::ids::{parse_actor, parse_hash, parse_heads, show_heads};
use crate::patches::{to_patches, Patch};
use crate::state::State;

/// A commit of more operations than this releases the GIL.
const MANY_OPS: usize = 1000;

#[pymethods]
impl Document {
    #[getter]
    fn max_op(&self, py: Python<'_>) -> PyResult<u64> {
        let mut state = self.lock(py);
        let doc = state.closed()?;
        let heads = doc.get_heads();
        let metas = heads
            .iter()
            .filter_map(|hash| doc.get_change_meta_by_hash(hash));
        Ok(metas.map(|meta| meta.max_op).max().unwrap_or_default())
    }

    #[getter]
    fn change_count(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.lock(py).closed()?.stats().num_changes)
    }

    fn heads(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let heads = self.lock(py).closed()?.get_heads();
        Ok(show_heads(&heads))
    }

    #[pyo3(signature = (hash, /))]
    fn has(&self, py: Python<'_>, hash: &str) -> PyResult<bool> {
        let hash = parse_hash(hash)?;
        Ok(self
            .lock(py)
            .closed()?
            .get_change_meta_by_hash(&hash)
            .is_some())
    }

    #[pyo3(signature = (*, actor = None))]
    fn fork(&self, py: Python<'_>, actor: Option<&[u8]>) -> PyResult<Self> {
        let actor = parse_actor(actor)?;
        self.detached(py, |state| {
            let doc = state.closed()?;
            guard(|| Self::new_from(doc.fork().with_actor(actor))).map_err(core_failed)
        })
    }

    #[pyo3(signature = (heads, /, *, actor = None))]
    fn fork_at(&self, py: Python<'_>, heads: Vec<String>, actor: Option<&[u8]>) -> PyResult<Self> {
        let actor = parse_actor(actor)?;
        let heads = parse_heads(&heads)?;
        self.detached(py, |state| {
            state.require_heads(&heads)?;
            let doc = state.closed()?;
            let fork = guard(|| doc.fork_at(&heads))
                .map_err(core_failed)?
                .map_err(from_core)?;
            Ok(Self::new_from(fork.with_actor(actor)))
        })
    }

    #[pyo3(signature = (other, /))]
    fn merge(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<Vec<Patch>> {
        let other = other.get();
        let patches = py.detach(|| self.merge_detached(other))?;
        Ok(to_patches(patches))
    }

    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.detached(py, |state| {
            let doc = state.closed()?;
            let bytes = guard(|| doc.save()).map_err(core_failed)?;
            state.saved = state.closed()?.get_heads();
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (heads, /))]
    fn save_after<'py>(
        &self,
        py: Python<'py>,
        heads: Vec<String>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let heads = parse_heads(&heads)?;
        let bytes = {
            let mut state = self.lock(py);
            state.require_heads(&heads)?;
            let doc = state.closed()?;
            guard(|| doc.save_after(&heads)).map_err(core_failed)?
        };
        Ok(PyBytes::new(py, &bytes))
    }

    fn save_incremental<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = {
            let mut state = self.lock(py);
            let saved = state.saved.clone();
            let doc = state.closed()?;
            let bytes = guard(|| doc.save_after(&saved)).map_err(core_failed)?;
            state.saved = state.closed()?.get_heads();
            bytes
        };
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (data, /))]
    fn load_incremental(&self, py: Python<'_>, data: &[u8]) -> PyResult<Vec<Patch>> {
        let patches = self.for_bytes(py, data.len(), |state| take_bytes(state, data))?;
        Ok(to_patches(patches))
    }

    #[pyo3(signature = (changes, /))]
    fn apply_changes(&self, py: Python<'_>, changes: &Bound<'_, PyAny>) -> PyResult<Vec<Patch>> {
        let given: Vec<Given> = PyIterator::from_object(changes)?
            .map(|item| Given::from_py(&item?))
            .collect::<PyResult<_>>()?;
        let bytes = given.iter().map(Given::bytes).sum();
        let patches = self.for_bytes(py, bytes, |state| state.apply(decode_given(given)?))?;
        Ok(to_patches(patches))
    }

    #[pyo3(signature = (heads, /))]
    fn changes_after(&self, py: Python<'_>, heads: Vec<String>) -> PyResult<Vec<Change>> {
        let heads = parse_heads(&heads)?;
        let changes = {
            let mut state = self.lock(py);
            state.require_heads(&heads)?;
            let doc = state.closed()?;
            guard(|| doc.get_changes(&heads)).map_err(core_failed)?
        };
        Ok(changes.into_iter().map(Change::from).collect())
    }

    #[pyo3(signature = (hash, /))]
    fn change(&self, py: Python<'_>, hash: &str) -> PyResult<Option<Change>> {
        use automerge::ReadDoc;
        let hash = parse_hash(hash)?;
        let change = {
            let mut state = self.lock(py);
            let doc = state.closed()?;
            guard(|| doc.get_change_by_hash(&hash)).map_err(core_failed)?
        };
        Ok(change.map(Change::from))
    }

    #[pyo3(signature = (heads = Vec::new(), /))]
    fn missing_deps(&self, py: Python<'_>, heads: Vec<String>) -> PyResult<Vec<String>> {
        use automerge::ReadDoc;
        let heads = parse_heads(&heads)?;
        let missing = self.lock(py).closed()?.get_missing_deps(&heads);
        Ok(show_heads(&missing))
    }

    fn last_local_change(&self, py: Python<'_>) -> PyResult<Option<Change>> {
        let change = {
            let mut state = self.lock(py);
            let doc = state.closed()?;
            guard(|| doc.get_last_local_change()).map_err(core_failed)?
        };
        Ok(change.map(Change::from))
    }

    #[pyo3(signature = (*, message = None, time = 0))]
    fn commit(
        &self,
        py: Python<'_>,
        message: Option<String>,
        time: i64,
    ) -> PyResult<Option<String>> {
        let options = CommitOptions {
            message,
            time: Some(time),
        };
        let large = self.lock(py).pending_ops()? > MANY_OPS;
        let hash = if large {
            self.detached(py, |state| state.commit(options))?
        } else {
            self.lock(py).commit(options)?
        };
        Ok(hash.map(|hash| hash.to_string()))
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<usize> {
        self.lock(py).rollback()
    }

    #[getter]
    fn pending_ops(&self, py: Python<'_>) -> PyResult<usize> {
        self.lock(py).pending_ops()
    }

    #[pyo3(signature = (before, after, /))]
    fn diff(
        &self,
        py: Python<'_>,
        before: Vec<String>,
        after: Vec<String>,
    ) -> PyResult<Vec<Patch>> {
        let (before, after) = (parse_heads(&before)?, parse_heads(&after)?);
        let patches = self.detached(py, |state| {
            state.require_heads(&before)?;
            state.require_heads(&after)?;
            let doc = state.closed()?;
            guard(|| doc.diff(&before, &after)).map_err(core_failed)
        })?;
        Ok(to_patches(patches))
    }
}

impl Document {
    /// Takes both locks in the order of their addresses, so that two documents that merge each
    /// other concurrently do not deadlock.
    fn merge_detached(&self, other: &Self) -> PyResult<Vec<CorePatch>> {
        if std::ptr::eq(self, other) {
            return self.lock_detached().closed().map(|_| Vec::new());
        }
        let (mut mine, mut theirs);
        if std::ptr::from_ref(self) < std::ptr::from_ref(other) {
            mine = self.lock_detached();
            theirs = other.lock_detached();
        } else {
            theirs = other.lock_detached();
            mine = self.lock_detached();
        }
        let (own, foreign) = (mine.closed()?, theirs.closed()?);
        let added = guard(|| own.get_changes_added(foreign)).map_err(core_failed)?;
        drop(theirs);
        mine.apply(added)
    }
}

enum Given {
    Change(Box<automerge::Change>),
    Bytes(PyBackedBytes),
}

impl Given {
    fn from_py(item: &Bound<'_, PyAny>) -> PyResult<Self> {
        match item.cast::<Change>() {
            Ok(change) => Ok(Given::Change(Box::new(change.get().core().clone()))),
            Err(_) => item.extract().map(Given::Bytes).map_err(Into::into),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Given::Change(change) => change.raw_bytes().len(),
            Given::Bytes(bytes) => bytes.len(),
        }
    }

    fn undecoded(&self) -> &[u8] {
        match self {
            Given::Change(_) => &[],
            Given::Bytes(bytes) => bytes,
        }
    }
}

/// Decodes the given bytes with one budget for all; decoded changes were counted before.
fn decode_given(given: Vec<Given>) -> PyResult<Vec<automerge::Change>> {
    let bytes = given.iter().map(Given::undecoded).map(<[u8]>::len).sum();
    let mut budget = Budget::for_strangers(bytes);
    let chunks: Vec<_> = given
        .iter()
        .map(|item| chunks::split(item.undecoded(), &mut budget))
        .collect::<PyResult<_>>()?;
    let decoded: Vec<_> = chunks
        .iter()
        .map(|chunks| chunks::decode(chunks))
        .collect::<PyResult<_>>()?;
    let items = given.into_iter().zip(decoded);
    Ok(items
        .flat_map(|(item, decoded)| match item {
            Given::Change(change) => vec![*change],
            Given::Bytes(_) => decoded,
        })
        .collect())
}

/// Applies saved bytes. An empty document loads a whole document directly, which is far faster than
/// applying its changes one by one.
fn take_bytes(state: &mut State, data: &[u8]) -> PyResult<Vec<CorePatch>> {
    let chunks = chunks::split(data, &mut Budget::for_strangers(data.len()))?;
    let whole = chunks
        .first()
        .is_some_and(|chunk| chunk.kind == Kind::Document);
    if !(whole && state.closed()?.is_empty()) {
        return state.apply(chunks::decode(&chunks)?);
    }
    state.take_in(|doc: &mut Automerge, log: &mut PatchLog, _again: bool| {
        let options = LoadOptions::new()
            .text_encoding(doc.text_encoding())
            .patch_log(log);
        let actor = doc.get_actor().clone();
        *doc = Automerge::load_with_options(data, options)?.with_actor(actor);
        Ok(())
    })
}
