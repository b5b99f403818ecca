//! Operations are numbered upwards: a change's first number is above all that it builds upon and
//! all that its author used before. One that takes numbers again would get into the place of
//! other operations, and out of that the core could not take the document apart again.

use std::collections::HashMap;

use automerge::{ActorId, Automerge, Change, ChangeHash};

/// Whether these changes, as far as what they build upon is here, are numbered upwards.
///
/// Leaves the document with another actor; the caller sets it back.
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
            // With a number of its author's that is taken, the core refuses it as a duplicate.
            change.seq() <= seq || change.start_op().get() > top
        })
}

/// Nearly always so, and then what is true of all that it builds upon is true of its own, too.
/// To ask for an author's last change would have the core write it anew, however large it is.
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
