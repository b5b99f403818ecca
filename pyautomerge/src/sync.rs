//! Values of the sync protocol: the state of one side, and received messages.

use std::sync::{Mutex, MutexGuard, PoisonError};

use automerge::sync::{Message, State as CoreState};
use automerge::Change as CoreChange;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyBytes;

use crate::budget::Budget;
use crate::changes::Change;
use crate::chunks;
use crate::errors::{undecodable, DecodeError};
use crate::guard::guard;
use crate::ids::show_heads;

#[pyclass(frozen, module = "pyautomerge")]
pub struct SyncState {
    core: Mutex<CoreState>,
}

impl SyncState {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, CoreState> {
        self.core
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lock_detached(&self) -> MutexGuard<'_, CoreState> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl SyncState {
    #[new]
    #[pyo3(signature = (*, read_only = false))]
    fn new(read_only: bool) -> Self {
        let core = if read_only {
            CoreState::new_read_only()
        } else {
            CoreState::new()
        };
        Self {
            core: Mutex::new(core),
        }
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn decode(data: &[u8]) -> PyResult<Self> {
        let core = guard(|| CoreState::decode(data))
            .map_err(undecodable)?
            .map_err(|error| DecodeError::new_err(error.to_string()))?;
        Ok(Self {
            core: Mutex::new(core),
        })
    }

    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = self.lock(py).encode();
        PyBytes::new(py, &bytes)
    }

    #[getter]
    fn shared_heads(&self, py: Python<'_>) -> Vec<String> {
        show_heads(&self.lock(py).shared_heads)
    }

    #[getter]
    fn their_heads(&self, py: Python<'_>) -> Option<Vec<String>> {
        self.lock(py).their_heads.as_deref().map(show_heads)
    }

    #[getter]
    fn in_flight(&self, py: Python<'_>) -> bool {
        self.lock(py).in_flight
    }

    #[getter]
    fn read_only(&self, py: Python<'_>) -> bool {
        self.lock(py).read_only
    }

    #[getter]
    fn peer_read_only(&self, py: Python<'_>) -> bool {
        self.lock(py).peer_read_only
    }

    #[pyo3(signature = (read_only, /))]
    fn set_read_only(&self, py: Python<'_>, read_only: bool) {
        self.lock(py).set_read_only(read_only);
    }
}

/// Decodes all chunks of a message strictly, because the core ignores chunks after an invalid one.
pub fn decode_message(data: &[u8]) -> PyResult<(Message, Vec<CoreChange>)> {
    let message = guard(|| Message::decode(data))
        .map_err(undecodable)?
        .map_err(|error| DecodeError::new_err(error.to_string()))?;
    let mut budget = Budget::for_strangers(data.len());
    let mut chunks = Vec::new();
    for part in message.changes.iter() {
        chunks.extend(chunks::split(part, &mut budget)?);
    }
    let changes = chunks::decode(&chunks)?;
    Ok((message, changes))
}

#[pyclass(frozen, module = "pyautomerge")]
pub struct SyncMessage {
    heads: Vec<String>,
    need: Vec<String>,
    changes: Vec<CoreChange>,
}

#[pymethods]
impl SyncMessage {
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn decode(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let (message, changes) = py.detach(|| decode_message(data))?;
        let (heads, need) = (show_heads(&message.heads), show_heads(&message.need));
        Ok(Self {
            heads,
            need,
            changes,
        })
    }

    #[getter]
    fn heads(&self) -> Vec<String> {
        self.heads.clone()
    }

    #[getter]
    fn need(&self) -> Vec<String> {
        self.need.clone()
    }

    #[getter]
    fn changes(&self) -> Vec<Change> {
        self.changes.iter().cloned().map(Change::from).collect()
    }
}
