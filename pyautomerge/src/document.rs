//! The document class: constructors, actor and lock. Its other methods are in `versions`,
//! `reading`, `writing` and `syncing`.
//!
//! There are two locks, the GIL and the document's lock. To prevent deadlocks, a thread releases
//! the GIL while it waits for the document's lock, and a thread that holds the document's lock runs
//! no Python code. It does not even create Python objects: this may start a garbage collection, and
//! a finalizer may call this document.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use automerge::{Automerge, LoadOptions, TextEncoding};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::budget::Budget;
use crate::chunks;
use crate::errors::{core_failed, from_core, undecodable};
use crate::guard::guard;
use crate::ids::{parse_actor, parse_text_unit, show_text_unit};
use crate::state::State;

/// Up to this size the work takes less time than releasing and reacquiring the GIL, which may take
/// 5 ms while other threads are busy.
const SMALL_BYTES: usize = 4096;

/// Runs `work` on `bytes` bytes, without the GIL if they are many.
pub fn off_the_lock<R: Send>(py: Python<'_>, bytes: usize, work: impl FnOnce() -> R + Send) -> R {
    if bytes <= SMALL_BYTES {
        work()
    } else {
        py.detach(work)
    }
}

#[pyclass(frozen, module = "pyautomerge")]
pub struct Document {
    state: Mutex<State>,
    text_unit: TextEncoding,
}

impl Document {
    pub fn new_from(doc: Automerge) -> Self {
        Self {
            text_unit: doc.text_encoding(),
            state: Mutex::new(State::new(doc)),
        }
    }

    /// For short work. The caller must drop the guard before it creates a Python object.
    pub fn lock(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        self.state
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// For work without the GIL, which the caller has released.
    pub fn lock_detached(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn detached<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        py.detach(|| work(&mut self.lock_detached()))
    }

    pub fn for_bytes<R: Send>(
        &self,
        py: Python<'_>,
        bytes: usize,
        work: impl FnOnce(&mut State) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        if bytes <= SMALL_BYTES {
            work(&mut self.lock(py))
        } else {
            self.detached(py, work)
        }
    }
}

#[pymethods]
impl Document {
    #[new]
    #[pyo3(signature = (*, actor = None, text_unit = "unicode"))]
    fn new(actor: Option<&[u8]>, text_unit: &str) -> PyResult<Self> {
        let doc = Automerge::new_with_encoding(parse_text_unit(text_unit)?);
        Ok(Self::new_from(doc.with_actor(parse_actor(actor)?)))
    }

    #[staticmethod]
    #[pyo3(signature = (data, /, *, actor = None, text_unit = "unicode"))]
    fn load(py: Python<'_>, data: &[u8], actor: Option<&[u8]>, text_unit: &str) -> PyResult<Self> {
        let actor = parse_actor(actor)?;
        let options = LoadOptions::new().text_encoding(parse_text_unit(text_unit)?);
        let doc = py.detach(|| {
            chunks::split(data, &mut Budget::for_load(data.len()))?;
            guard(|| Automerge::load_with_options(data, options))
                .map_err(undecodable)?
                .map_err(from_core)
        })?;
        Ok(Self::new_from(doc.with_actor(actor)))
    }

    #[getter]
    fn get_actor(&self, py: Python<'_>) -> PyResult<Cow<'static, [u8]>> {
        let mut state = self.lock(py);
        Ok(Cow::Owned(state.actor()?.to_bytes().to_vec()))
    }

    #[setter]
    fn set_actor(&self, py: Python<'_>, actor: &[u8]) -> PyResult<()> {
        let actor = parse_actor(Some(actor))?;
        let mut state = self.lock(py);
        let doc = state.closed()?;
        guard(|| {
            doc.set_actor(actor);
        })
        .map_err(core_failed)
    }

    #[getter]
    fn text_unit(&self) -> &'static str {
        show_text_unit(self.text_unit)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let heads = self.lock(py).closed()?.get_heads();
        let shown: Vec<_> = heads
            .iter()
            .map(|hash| hash.to_string()[..8].to_owned())
            .collect();
        Ok(format!("Document(heads=[{}])", shown.join(", ")))
    }
}
