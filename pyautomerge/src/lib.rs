//! Automerge documents in Python. This crate only converts types and maps errors; the Automerge
//! core does the work. The stub `__init__.pyi` is the manual.

#![forbid(unsafe_code)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "PyO3 passes arguments from Python by value"
)]
#![allow(
    clippy::unnecessary_wraps,
    reason = "methods with the same return type are easier to read"
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

/// The release of the core that Cargo.toml pins; a test compares it with the lock file.
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
