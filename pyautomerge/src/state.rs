//! A document and its pending operations, as a machine of three states.
//!
//! Every call that may change the core takes it out of its place and puts it back only when the
//! core came through: a panic in between leaves a `Broken` document behind, never a damaged one
//! that looks well. From a panic over foreign changes it is restored to the version before.

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
    reason = "one to a document, and moved often"
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
    /// Until a change once came out different.
    replays: bool,
}

/// Evaluates one expression over whichever of the two readable shapes the document has now.
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
    AutomergeError::new_err("this document broke in an earlier call; load it anew")
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

    /// The document with nothing pending.
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
                // A transaction without operations would leave its actor behind.
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

    /// Runs local edits. Those that made it before an error stay pending, as in the core.
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

    /// Lets foreign changes in; `bring` must log what becomes visible. All of it or nothing.
    ///
    /// `bring` runs twice at most, and is told when the second time may still come.
    pub fn take_in(&mut self, mut bring: impl Bring) -> PyResult<Vec<Patch>> {
        let waiting = !self.closed()?.get_missing_deps(&[]).is_empty();
        let outcome = match self.attempt(&mut bring, waiting) {
            // A change that waited here since earlier may be the one at fault. It is gone now:
            // these changes get a second chance without it.
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
                "a change takes numbers that are taken",
            )),
            Err(panic) => Err(undecodable(panic)),
        }
    }

    fn replay(&mut self, change: &Change) -> PyResult<Option<Vec<Patch>>> {
        let replays = self.replays;
        let doc = self.closed()?;
        // A local edit makes the core forget changes that wait for the one it is.
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
        // What waits could not be looked at before, for want of what it builds upon.
        let backup = again.then(|| doc.clone());
        let outcome = guard(|| {
            let mut log = PatchLog::active();
            bring(doc, &mut log, again)?;
            Ok((doc.make_patches(&mut log), all_savable(doc, &before)))
        });
        let panic = match outcome {
            Ok(Ok((patches, true))) => return Ok(patches),
            Ok(Ok((_, false))) => CorePanic("a change is not as a core would write it".to_owned()),
            Ok(Err(error)) => return Err(Attempt::Refused(from_core(error))),
            Err(panic) => panic,
        };
        if let Some(doc) = backup {
            self.core = Core::Idle(doc);
        }
        self.restore(&before, actor).map_err(Attempt::Refused)?;
        Err(Attempt::Panicked(panic))
    }

    /// Hashes name content: what is rebuilt from the wreck and has the old heads is the old
    /// document, whatever the core left half done in between.
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

    /// Reading an earlier version is a read of versions: it commits.
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

/// A document does not keep its changes, it writes them anew when it is saved. One that then has
/// another hash would make a file that nobody can load.
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
