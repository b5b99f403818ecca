//! The exceptions, and the mapping from errors of the core to exceptions.

use automerge::AutomergeError as Core;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyIndexError};
use pyo3::prelude::*;

use crate::guard::CorePanic;

create_exception!(
    pyautomerge,
    AutomergeError,
    PyException,
    "Base class of the exceptions of this package."
);
create_exception!(
    pyautomerge,
    DecodeError,
    AutomergeError,
    "Invalid bytes of a document, change, sync message, sync state or cursor."
);
create_exception!(
    pyautomerge,
    InvalidObjectError,
    AutomergeError,
    "The object id is malformed or unknown, or the object has the wrong kind for the call."
);
create_exception!(
    pyautomerge,
    InvalidHeadsError,
    AutomergeError,
    "A change hash is malformed or names a change that this document does not hold."
);
create_exception!(
    pyautomerge,
    DuplicateActorError,
    AutomergeError,
    "Two different changes carry one actor and sequence number: an actor id was used twice."
);
create_exception!(
    pyautomerge,
    InvalidCursorError,
    AutomergeError,
    "The cursor is malformed or does not belong to this object."
);

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("AutomergeError", py.get_type::<AutomergeError>())?;
    m.add("DecodeError", py.get_type::<DecodeError>())?;
    m.add("InvalidObjectError", py.get_type::<InvalidObjectError>())?;
    m.add("InvalidHeadsError", py.get_type::<InvalidHeadsError>())?;
    m.add("DuplicateActorError", py.get_type::<DuplicateActorError>())?;
    m.add("InvalidCursorError", py.get_type::<InvalidCursorError>())
}

/// Works without the GIL, because a `PyErr` is lazy until Python accesses it.
pub fn from_core(error: Core) -> PyErr {
    let said = error.to_string();
    match error {
        Core::DuplicateSeqNumber(..) | Core::DuplicateActorId(_) | Core::DuplicateAuthor(..) => {
            DuplicateActorError::new_err(said)
        }
        Core::InvalidObjId(_)
        | Core::InvalidObjIdFormat(_)
        | Core::NotAnObject
        | Core::InvalidOp(_) => InvalidObjectError::new_err(said),
        Core::InvalidHash(_) | Core::MissingHash(_) => InvalidHeadsError::new_err(said),
        Core::InvalidIndex(_) => PyIndexError::new_err(said),
        Core::InvalidCursor(_) | Core::InvalidCursorOp | Core::InvalidCursorFormat => {
            InvalidCursorError::new_err(said)
        }
        Core::Load(_)
        | Core::LoadChangeError(_)
        | Core::Deflate(_)
        | Core::MissingDeps
        | Core::ChangeGraph(_)
        | Core::NonChangeCompressed
        | Core::EncodingError(_)
        | Core::Unbundle(_)
        | Core::InvalidChangeHashBytes(_)
        | Core::InvalidCharacter(_)
        | Core::InvalidActorIndex(_)
        | Core::InvalidActorId(_)
        | Core::InvalidSeq(_) => DecodeError::new_err(said),
        _ => AutomergeError::new_err(said),
    }
}

/// Maps a panic during decoding or applying of bytes: the bytes are at fault.
pub fn undecodable(panic: CorePanic) -> PyErr {
    DecodeError::new_err(format!("malformed: {}", panic.0))
}

/// Maps a panic in any other call: the core or the document has a defect.
pub fn core_failed(panic: CorePanic) -> PyErr {
    AutomergeError::new_err(format!("the Automerge core failed: {}", panic.0))
}
