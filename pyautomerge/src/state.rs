//! A document and its pending operations, as a machine of three states.
//!
//! Every call that may change the core moves the core out of its place and puts it back only after
//! success. A panic in between therefore leaves a `Broken` document, never a damaged one that seems
//! intact. After a panic over foreign changes, the previous version is restored.

use automerge::transaction::{CommitOptions, OwnedTransaction, Transactable};
use automerge::{
    ActorId, Automerge, AutomergeError as CoreError, Change, ChangeHash, ObjId, ObjType, Patch,
    PatchLog, ReadDoc,
};
use pyo3::prelude::*;

use crate::errors::{
    core_failed, from_core, undecodable, AutomergeError, DecodeError, InvalidHeadsError,
};
use crate::guard::{guard, CorePanic};
use crate::numbering::upwards;
use crate::replay::{replay, Outcome};

#[derive(Default)]
#[expect(
    clippy::large_enum_variant,
    reason = "each document has one, and calls move it often"
)]
enum Core {
    Idle(Automerge),
    Open(OwnedTransaction),
    #[default]
    Broken,
}

pub struct State {
    core: Core,
    /// The version that `save_incremental` continues from.
    pub saved: Vec<ChangeHash>,
    /// Whether to try `replay`; false after one replay gave a different change.
    replays: bool,
}

/// Evaluates an expression over the document in either of its two readable states.
macro_rules! read {
    ($state:expr, $doc:ident => $body:expr) => {
        match $state.core_ref() {
            $crate::state::Readable::Idle($doc) => {
                $crate::guard::guard(|| $body).map_err($crate::errors::core_failed)
            }
            $crate::state::Readable::Open($doc) => {
                $crate::guard::guard(|| $body).map_err($crate::errors::core_failed)
            }
            $crate::state::Readable::Broken => Err($crate::state::broken()),
        }
    };
}
pub(crate) use read;

pub enum Readable<'a> {
    Idle(&'a Automerge),
    Open(&'a OwnedTransaction),
    Broken,
}

pub fn broken() -> PyErr {
    AutomergeError::new_err("an earlier call broke this document; load the document again")
}

impl State {
    pub fn new(doc: Automerge) -> Self {
        let saved = doc.get_heads();
        Self {
            core: Core::Idle(doc),
            saved,
            replays: true,
        }
    }

    pub fn core_ref(&self) -> Readable<'_> {
        match &self.core {
            Core::Idle(doc) => Readable::Idle(doc),
            Core::Open(tx) => Readable::Open(tx),
            Core::Broken => Readable::Broken,
        }
    }

    /// Commits pending operations and returns the document.
    pub fn closed(&mut self) -> PyResult<&mut Automerge> {
        self.commit(CommitOptions::default().with_time(0))?;
        match &mut self.core {
            Core::Idle(doc) => Ok(doc),
            Core::Open(_) | Core::Broken => Err(broken()),
        }
    }

    pub fn pending_ops(&self) -> PyResult<usize> {
        match &self.core {
            Core::Idle(_) => Ok(0),
            Core::Open(tx) => Ok(tx.pending_ops()),
            Core::Broken => Err(broken()),
        }
    }

    pub fn commit(&mut self, options: CommitOptions) -> PyResult<Option<ChangeHash>> {
        match std::mem::take(&mut self.core) {
            Core::Open(tx) => {
                // Committing an empty transaction would leave its actor in the document.
                let closed = guard(|| {
                    if tx.pending_ops() == 0 {
                        (tx.rollback().0, None)
                    } else {
                        let (doc, hash, _) = tx.commit_with(options);
                        (doc, hash)
                    }
                });
                let (doc, hash) = closed.map_err(core_failed)?;
                self.core = Core::Idle(doc);
                Ok(hash)
            }
            Core::Idle(doc) => {
                self.core = Core::Idle(doc);
                Ok(None)
            }
            Core::Broken => Err(broken()),
        }
    }

    pub fn rollback(&mut self) -> PyResult<usize> {
        match std::mem::take(&mut self.core) {
            Core::Open(tx) => {
                let (doc, dropped) = guard(|| tx.rollback()).map_err(core_failed)?;
                self.core = Core::Idle(doc);
                Ok(dropped)
            }
            Core::Idle(doc) => {
                self.core = Core::Idle(doc);
                Ok(0)
            }
            Core::Broken => Err(broken()),
        }
    }

    /// Runs local edits. Edits before an error stay pending, as in the core.
    pub fn edit<R>(
        &mut self,
        edit: impl FnOnce(&mut OwnedTransaction) -> PyResult<R>,
    ) -> PyResult<R> {
        let core = std::mem::take(&mut self.core);
        let outcome = guard(move || {
            let mut tx = match core {
                Core::Open(tx) => tx,
                Core::Idle(doc) => doc
                    .into_transaction(None, None)
                    .map_err(|e| from_core(e.into()))?,
                Core::Broken => return Err(broken()),
            };
            let result = edit(&mut tx);
            Ok((tx, result))
        });
        let (tx, result) = outcome.map_err(core_failed)??;
        self.core = Core::Open(tx);
        result
    }

    /// Applies all foreign changes or none; `bring` applies them and logs the patches.
    ///
    /// `bring` runs at most twice; its third argument tells whether it may run again.
    pub fn take_in(&mut self, mut bring: impl Bring) -> PyResult<Vec<Patch>> {
        let waiting = !self.closed()?.get_missing_deps(&[]).is_empty();
        let outcome = match self.attempt(&mut bring, waiting) {
            // A change that waited for its dependencies may be at fault. The restored document
            // no longer holds that change, so try the new changes again.
            Err(Attempt::Panicked(_)) if waiting => self.attempt(&mut bring, false),
            outcome => outcome,
        };
        outcome.map_err(|failure| match failure {
            Attempt::Refused(error) => error,
            Attempt::Panicked(panic) => undecodable(panic),
        })
    }

    pub fn apply(&mut self, changes: Vec<Change>) -> PyResult<Vec<Patch>> {
        if let [change] = changes.as_slice() {
            if let Some(patches) = self.replay(change)? {
                return Ok(patches);
            }
        }
        self.require_upwards(&changes)?;
        let mut changes = changes;
        self.take_in(
            move |doc: &mut Automerge, log: &mut PatchLog, again: bool| {
                let now = if again {
                    changes.clone()
                } else {
                    std::mem::take(&mut changes)
                };
                doc.apply_changes_log_patches(now, log)
            },
        )
    }

    pub fn require_upwards(&mut self, changes: &[Change]) -> PyResult<()> {
        let doc = self.closed()?;
        let actor = doc.get_actor().clone();
        let upwards = guard(|| upwards(doc, changes));
        doc.set_actor(actor);
        match upwards {
            Ok(true) => Ok(()),
            Ok(false) => Err(DecodeError::new_err(
                "a change reuses the operation numbers of earlier changes",
            )),
            Err(panic) => Err(undecodable(panic)),
        }
    }

    fn replay(&mut self, change: &Change) -> PyResult<Option<Vec<Patch>>> {
        let replays = self.replays;
        let doc = self.closed()?;
        // A local edit would make the core drop the changes that wait for this change.
        if !replays || !doc.get_missing_deps(&[]).is_empty() {
            return Ok(None);
        }
        let (before, actor) = (doc.get_heads(), doc.get_actor().clone());
        match guard(|| replay(doc, change)) {
            Ok(Outcome::Replayed(patches)) => {
                doc.set_actor(actor);
                Ok(Some(patches))
            }
            Ok(Outcome::NotSuitable) => {
                doc.set_actor(actor);
                Ok(None)
            }
            Ok(Outcome::Differs) | Err(_) => {
                self.replays = false;
                self.restore(&before, actor)?;
                Ok(None)
            }
        }
    }

    fn attempt(&mut self, bring: &mut impl Bring, again: bool) -> Result<Vec<Patch>, Attempt> {
        let doc = self.closed().map_err(Attempt::Refused)?;
        let (before, actor) = (doc.get_heads(), doc.get_actor().clone());
        // Changes that wait for their dependencies were not checked yet, so keep a copy.
        let backup = again.then(|| doc.clone());
        let outcome = guard(|| {
            let mut log = PatchLog::active();
            bring(doc, &mut log, again)?;
            Ok((doc.make_patches(&mut log), all_savable(doc, &before)))
        });
        let panic = match outcome {
            Ok(Ok((patches, true))) => return Ok(patches),
            Ok(Ok((_, false))) => {
                CorePanic("a change differs from how the core would write it".to_owned())
            }
            Ok(Err(error)) => return Err(Attempt::Refused(from_core(error))),
            Err(panic) => panic,
        };
        if let Some(doc) = backup {
            self.core = Core::Idle(doc);
        }
        self.restore(&before, actor).map_err(Attempt::Refused)?;
        Err(Attempt::Panicked(panic))
    }

    /// Restores the version `heads`. Hashes identify content, so a fork of the damaged document
    /// with the old heads equals the old document.
    fn restore(&mut self, heads: &[ChangeHash], actor: ActorId) -> PyResult<()> {
        let Core::Idle(wreck) = std::mem::take(&mut self.core) else {
            return Err(broken());
        };
        let rebuilt = guard(|| wreck.fork_at(heads))
            .map_err(core_failed)?
            .map_err(from_core)?;
        if rebuilt.get_heads() != heads {
            return Err(broken());
        }
        self.core = Core::Idle(rebuilt.with_actor(actor));
        Ok(())
    }

    /// Checks the heads of a read, if any; a read of an earlier version commits pending operations.
    pub fn require_version(&mut self, heads: Option<&[ChangeHash]>) -> PyResult<()> {
        heads.map_or(Ok(()), |heads| self.require_heads(heads))
    }

    pub fn require_heads(&mut self, heads: &[ChangeHash]) -> PyResult<()> {
        let doc = self.closed()?;
        match heads
            .iter()
            .find(|hash| doc.get_change_meta_by_hash(hash).is_none())
        {
            None => Ok(()),
            Some(hash) => Err(InvalidHeadsError::new_err(format!(
                "this document does not hold the change {hash}"
            ))),
        }
    }

    pub fn actor(&mut self) -> PyResult<ActorId> {
        self.closed().map(|doc| doc.get_actor().clone())
    }

    pub fn kind(&self, obj: &ObjId) -> PyResult<ObjType> {
        read!(self, doc => doc.object_type(obj))?.map_err(from_core)
    }
}

/// Whether the document's new changes keep their hashes on a save. A document does not store its
/// changes, but encodes them again on each save; a different hash would make the saved file
/// impossible to load.
fn all_savable(doc: &Automerge, before: &[ChangeHash]) -> bool {
    let written = doc.get_changes(before);
    written
        .iter()
        .all(|change| doc.get_change_meta_by_hash(&change.hash()).is_some())
}

pub trait Bring: FnMut(&mut Automerge, &mut PatchLog, bool) -> Result<(), CoreError> {}
impl<F: FnMut(&mut Automerge, &mut PatchLog, bool) -> Result<(), CoreError>> Bring for F {}

enum Attempt {
    Refused(PyErr),
    Panicked(CorePanic),
}
