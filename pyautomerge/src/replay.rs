//! Fast application of the most frequent kind of change: one change that only edits one text, and
//! whose dependencies are exactly the present heads of this document.
//!
//! To apply a foreign change, the core visits every sibling of the changed objects (its patches
//! contain paths), copies its table of objects, and reads the whole changed text: a millisecond or
//! more in a large document. But the author's core made such a change from a local edit in this
//! very version. This module repeats the local edit with the author's actor, at a cost that does
//! not grow with the document; an equal hash proves that the change is the same. If the hash
//! differs, the caller restores the document and uses the core's own method from then on.

use std::collections::HashSet;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    Automerge, Change, ConcreteTextValue, Cursor, ObjId, ObjType, Patch, PatchAction, ReadDoc,
    ScalarValue, TextEncoding,
};

use crate::guard::guard;

/// With more operations the core's own method is faster, because it applies all at once.
const MAX_OPS: usize = 1024;

pub enum Outcome {
    Replayed(Vec<Patch>),
    /// The document is unchanged.
    NotSuitable,
    /// The document now holds another change than the given one.
    Differs,
}

enum Step {
    Insert { after: ElementId, text: String },
    Delete(OpId),
}

struct Plan {
    obj: ObjId,
    steps: Vec<Step>,
}

/// Sets the document's actor to the change's author; the caller restores the actor.
pub fn replay(doc: &mut Automerge, change: &Change) -> Outcome {
    let Some(plan) = plan(change).filter(|plan| is_text(doc, plan) && is_next(doc, change)) else {
        return Outcome::NotSuitable;
    };
    doc.set_actor(change.actor_id().clone());
    let mut tx = doc.transaction();
    let patches = builds_upon(&tx, change).then(|| perform(&mut tx, &plan));
    let Some(patches) = patches.flatten() else {
        tx.rollback();
        return Outcome::NotSuitable;
    };
    let message = change.message().map(str::to_owned);
    let options = CommitOptions {
        message,
        time: Some(change.timestamp()),
    };
    match tx.commit_with(options).0 {
        Some(hash) if hash == change.hash() => Outcome::Replayed(patches),
        _ => Outcome::Differs,
    }
}

fn plan(change: &Change) -> Option<Plan> {
    if change.len() > MAX_OPS || change.is_empty() || !change.extra_bytes().is_empty() {
        return None;
    }
    let ops = change.decode().operations;
    let ObjectId::Id(OpId(counter, actor)) = &ops.first()?.obj else {
        return None;
    };
    let obj = ObjId::Id(*counter, actor.clone(), 0);
    let mut steps = Vec::new();
    let mut last = None;
    for (op, counter) in ops.iter().zip(change.start_op().get()..) {
        if op.obj != ops.first()?.obj {
            return None;
        }
        let id = OpId(counter, change.actor_id().clone());
        match (step(op)?, steps.last_mut()) {
            (
                Step::Insert {
                    after: ElementId::Id(after),
                    text: more,
                },
                Some(Step::Insert { text, .. }),
            ) if last.as_ref() == Some(&after) => {
                text.push_str(&more);
            }
            (step, _) => steps.push(step),
        }
        last = Some(id);
    }
    Some(Plan { obj, steps })
}

fn step(op: &Op) -> Option<Step> {
    let Key::Seq(element) = &op.key else {
        return None;
    };
    match (&op.action, element) {
        (OpType::Put(ScalarValue::Str(text)), after)
            if op.insert && op.pred.is_empty() && text.chars().count() == 1 =>
        {
            Some(Step::Insert {
                after: after.clone(),
                text: text.to_string(),
            })
        }
        (OpType::Delete, ElementId::Id(id)) if op.pred.iter().eq([id]) => {
            Some(Step::Delete(id.clone()))
        }
        _ => None,
    }
}

fn is_text(doc: &Automerge, plan: &Plan) -> bool {
    doc.object_type(&plan.obj)
        .is_ok_and(|kind| kind == ObjType::Text)
}

/// Whether the change continues the present version and its author's previous change. The previous
/// change is found among the dependencies, because asking the core for an author's last change
/// encodes the whole change.
fn is_next(doc: &Automerge, change: &Change) -> bool {
    let heads = doc.get_heads();
    let newest = heads
        .iter()
        .filter_map(|hash| doc.get_change_meta_by_hash(hash));
    let max_op = newest.map(|head| head.max_op).max().unwrap_or_default();
    let own: Vec<_> = change
        .deps()
        .iter()
        .filter_map(|hash| doc.get_change_meta_by_hash(hash))
        .filter(|dep| *dep.actor == *change.actor_id())
        .map(|dep| dep.seq)
        .collect();
    change.start_op().get() == max_op + 1
        && (change.seq() == 1 || !own.is_empty())
        && own.iter().all(|seq| seq + 1 == change.seq())
        && doc.get_change_meta_by_hash(&change.hash()).is_none()
}

/// Whether the dependencies equal those of a local edit: all heads, and the author's last change.
fn builds_upon(tx: &impl Transactable, change: &Change) -> bool {
    let here: HashSet<_> = tx.base_heads().into_iter().collect();
    change.deps().len() == here.len() && change.deps().iter().all(|dep| here.contains(dep))
}

fn perform(tx: &mut impl Transactable, Plan { obj, steps }: &Plan) -> Option<Vec<Patch>> {
    let mut actions = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Insert { after, text } => {
                let index = match after {
                    ElementId::Head => 0,
                    ElementId::Id(id) => {
                        let (index, width) = visible(tx, obj, id)?;
                        index + width
                    }
                };
                tx.splice_text(obj, index, 0, text).ok()?;
                let value = ConcreteTextValue::new(text, tx.text_encoding());
                actions.push(PatchAction::SpliceText {
                    index,
                    value,
                    marks: None,
                });
            }
            Step::Delete(id) => {
                let (index, width) = visible(tx, obj, id)?;
                tx.splice_text(obj, index, width.cast_signed(), "").ok()?;
                push_delete(&mut actions, index, width);
            }
        }
    }
    match tx.parents(obj).ok()?.visible_path() {
        None => Some(Vec::new()),
        Some(path) => Some(
            actions
                .into_iter()
                .map(|action| Patch {
                    obj: obj.clone(),
                    path: path.clone(),
                    action,
                })
                .collect(),
        ),
    }
}

/// Joins deletions of adjacent elements, forwards or backwards, to one patch.
fn push_delete(actions: &mut Vec<PatchAction>, at: usize, width: usize) {
    match actions.last_mut() {
        Some(PatchAction::DeleteSeq { index, length }) if at == *index || at + width == *index => {
            *index = at;
            *length += width;
        }
        _ => actions.push(PatchAction::DeleteSeq {
            index: at,
            length: width,
        }),
    }
}

/// Returns position and width of an element that still shows its inserted value. Guarded, because
/// the core panics if the element belongs to another object.
fn visible(
    tx: &impl Transactable,
    obj: &ObjId,
    OpId(counter, actor): &OpId,
) -> Option<(usize, usize)> {
    guard(|| {
        let name = format!("{counter}@{actor}");
        let cursor = Cursor::try_from(name.as_str()).ok()?;
        let index = tx.get_cursor_position(obj, &cursor, None).ok()?;
        let (value, id) = tx.get(obj, index).ok()??;
        let shown = id == ObjId::Id(*counter, actor.clone(), 0);
        shown.then_some((index, width(value.as_str()?, tx.text_encoding())))
    })
    .ok()?
}

fn width(text: &str, unit: TextEncoding) -> usize {
    match unit {
        TextEncoding::Utf16CodeUnit => text.encode_utf16().count(),
        TextEncoding::Utf8CodeUnit => text.len(),
        TextEncoding::UnicodeCodePoint | TextEncoding::GraphemeCluster => text.chars().count(),
    }
}
