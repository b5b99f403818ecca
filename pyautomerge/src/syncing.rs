//! Methods of `Document` for the sync protocol.

use automerge::sync::{Message, SyncDoc};
use automerge::{Automerge, PatchLog};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::document::Document;
use crate::errors::core_failed;
use crate::guard::guard;
use crate::patches::{to_patches, Patch};
use crate::sync::{decode_message, SyncState};

#[pymethods]
impl Document {
    #[pyo3(signature = (state, /))]
    fn generate_sync_message<'py>(
        &self,
        py: Python<'py>,
        state: &Bound<'_, SyncState>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let peer = state.get();
        let message = py.detach(|| {
            let mut peer = peer.lock_detached();
            let mut state = self.lock_detached();
            let doc = state.closed()?;
            guard(|| doc.generate_sync_message(&mut peer).map(Message::encode)).map_err(core_failed)
        })?;
        Ok(message.map(|message| PyBytes::new(py, &message)))
    }

    #[pyo3(signature = (state, message, /))]
    fn receive_sync_message(
        &self,
        py: Python<'_>,
        state: &Bound<'_, SyncState>,
        message: &[u8],
    ) -> PyResult<Vec<Patch>> {
        let peer = state.get();
        let patches = py.detach(|| {
            let (message, changes) = decode_message(message)?;
            let mut peer = peer.lock_detached();
            let mut state = self.lock_detached();
            if !peer.read_only {
                state.require_upwards(&changes)?;
            }
            state.take_in(|doc: &mut Automerge, log: &mut PatchLog, _again: bool| {
                doc.receive_sync_message_log_patches(&mut peer, message.clone(), log)
            })
        })?;
        Ok(to_patches(patches))
    }
}
