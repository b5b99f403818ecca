//! Conversion of panics to errors. The core asserts its invariants, and bytes from other peers can
//! violate them; a panic must not unwind into Python.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The message of a panic in the core.
#[derive(Debug)]
pub struct CorePanic(pub String);

/// Keeps panics that `guard` converts to errors off stderr; other panics are still reported.
pub fn quiet_caught_panics() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |report| {
        if !GUARDED.get() {
            previous(report);
        }
    }));
}

/// Runs `f`. After a `CorePanic`, the caller must treat every value that `f` changed as broken.
pub fn guard<R>(f: impl FnOnce() -> R) -> Result<R, CorePanic> {
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outer);
    result.map_err(|payload| {
        let said = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        CorePanic(said.unwrap_or_else(|| "panic without a message".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let caught = guard(|| -> () { panic!("sums are off") });
        assert!(matches!(caught, Err(panic) if panic.0.contains("sums are off")));
    }

    #[test]
    fn a_result_passes_through() {
        assert!(matches!(guard(|| 7), Ok(7)));
    }
}
