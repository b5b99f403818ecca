//! Automerge documents in Python. Types convert here, the core does the work, errors are mapped;
//! nothing in this crate decides anything. The stub `__init__.pyi` is the manual.

#![forbid(unsafe_code)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a method takes from Python what it owns, as PyO3 hands it over"
)]
#![allow(
    clippy::unnecessary_wraps,
    reason = "methods of one shape are easier to read than each as short as it could be"
)]

mod believable;
mod budget;
mod changes;
mod chunks;
mod columns;
mod document;
mod errors;
mod guard;
mod ids;
mod numbering;
mod patches;
mod reading;
mod replay;
mod state;
mod sync;
mod syncing;
mod values;
mod versions;
mod writing;

use pyo3::prelude::*;

/// The core is pinned in Cargo.toml to exactly this release; a test compares it with the lock file.
const CORE_VERSION: &str = "0.12.0";

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    guard::quiet_caught_panics();
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("CORE_VERSION", CORE_VERSION)?;
    m.add("ROOT", "_root")?;
    errors::register(m)?;
    m.add_class::<values::Text>()?;
    m.add_class::<values::Counter>()?;
    m.add_class::<values::Uint>()?;
    m.add_class::<values::Obj>()?;
    m.add_class::<patches::Patch>()?;
    m.add_class::<changes::Op>()?;
    m.add_class::<changes::Change>()?;
    m.add_class::<sync::SyncState>()?;
    m.add_class::<sync::SyncMessage>()?;
    m.add_class::<document::Document>()
}
