//! Check that operation numbers increase: the first number of a change is greater than all numbers
//! of its dependencies and of its author's earlier changes. A change that reuses numbers would mix
//! its operations with others, and the core could not split the document into changes again.

use std::collections::HashMap;

use automerge::{ActorId, Automerge, Change, ChangeHash};

/// Whether the operation numbers of these changes increase; unknown dependencies do not count.
///
/// Changes the document's actor; the caller restores it.
pub fn upwards(doc: &mut Automerge, changes: &[Change]) -> bool {
    let tops: HashMap<ChangeHash, u64> = changes
        .iter()
        .map(|change| (change.hash(), change.max_op()))
        .collect();
    let mut fresh: Vec<_> = changes
        .iter()
        .filter(|change| doc.get_change_meta_by_hash(&change.hash()).is_none())
        .collect();
    let above_deps = fresh.iter().all(|change| {
        let mut deps = change.deps().iter();
        deps.all(|dep| top_of(doc, dep).or(tops.get(dep).copied()) < Some(change.start_op().get()))
    });
    fresh.sort_by_key(|change| change.seq());
    let mut last: HashMap<&ActorId, (u64, u64)> = HashMap::new();
    above_deps
        && fresh.iter().all(|change| {
            if builds_upon_its_own_last(doc, change) {
                return true;
            }
            let author = change.actor_id();
            let (seq, top) = *last.entry(author).or_insert_with(|| last_of(doc, author));
            last.insert(author, (change.seq(), change.max_op()));
            // The core itself refuses a change with a sequence number that its author used before.
            change.seq() <= seq || change.start_op().get() > top
        })
}

/// Whether the author's previous change is among the dependencies, as in nearly every change. The
/// check of the dependencies then covers the author's earlier changes, and saves asking the core
/// for the author's last change: the core would encode the whole change for that.
fn builds_upon_its_own_last(doc: &Automerge, change: &Change) -> bool {
    change.deps().iter().any(|dep| {
        doc.get_change_meta_by_hash(dep)
            .is_some_and(|dep| *dep.actor == *change.actor_id() && dep.seq + 1 == change.seq())
    })
}

fn top_of(doc: &Automerge, hash: &ChangeHash) -> Option<u64> {
    doc.get_change_meta_by_hash(hash)
        .map(|change| change.max_op)
}

fn last_of(doc: &mut Automerge, author: &ActorId) -> (u64, u64) {
    doc.set_actor(author.clone());
    doc.get_last_local_change()
        .map_or((0, 0), |change| (change.seq(), change.max_op()))
}
