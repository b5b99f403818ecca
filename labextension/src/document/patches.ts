/**
 * Interprets a batch of Automerge patches: per cell, with its text edits as one ChangeSet.
 *
 * Pure. Patches name the touched objects; nothing else is read.
 */
import { ChangeSet } from '@codemirror/state';
import type { Patch } from './automerge';
import { read } from './automerge';
import type { CellNode, JsonMap, NotebookNode, RuntimeNode } from './schema';
import { own } from './schema';
import { coarseDiff, replacement } from './text';

/** The changes of a cell that exists before and after. */
export interface CellEdit {
  text: ChangeSet | null;
  /** Top-level keys, names of attachments. */
  metadata: ReadonlySet<string>;
  attachments: ReadonlySet<string>;
  retyped: boolean;
  moved: boolean;
}

export interface NotebookEdit {
  created: ReadonlySet<string>;
  deleted: ReadonlySet<string>;
  edited: ReadonlyMap<string, CellEdit>;
  metadata: ReadonlySet<string>;
  minor: boolean;
}

export interface RuntimeEdit {
  /** Cells whose run, outputs, state or trust may differ. */
  cells: ReadonlySet<string>;
  kernel: boolean;
  queue: boolean;
}

interface Draft {
  steps: Patch[];
  metadata: Set<string>;
  attachments: Set<string>;
  retyped: boolean;
  moved: boolean;
}

/** Groups the patches between two states of a notebook document. */
export function groupNotebook(
  patches: readonly Patch[],
  before: NotebookNode,
  after: NotebookNode
): NotebookEdit {
  const drafts = new Map<string, Draft>();
  const whole = new Set<string>();
  const metadata = new Set<string>();
  let minor = false;
  for (const patch of patches) {
    const [root, key, field, name] = patch.path;
    if (patch.action === 'conflict') {
      continue;
    }
    if (root === 'nbformat_minor') {
      minor = true;
    } else if (root === 'metadata' && key !== undefined) {
      metadata.add(String(key));
    } else if (root === 'metadata' || (root === 'cells' && key === undefined)) {
      return diffNotebook(before, after);
    } else if (root === 'cells' && field === undefined) {
      whole.add(String(key));
    } else if (root === 'cells') {
      note(drafts, String(key), patch, field, name);
    }
  }
  return settle(drafts, whole, { before, after, metadata, minor });
}

function note(
  drafts: Map<string, Draft>,
  id: string,
  patch: Patch,
  field: unknown,
  name: unknown
): void {
  let draft = drafts.get(id);
  if (draft === undefined) {
    draft = {
      steps: [],
      metadata: new Set(),
      attachments: new Set(),
      retyped: false,
      moved: false
    };
    drafts.set(id, draft);
  }
  if (field === 'source') {
    draft.steps.push(patch);
  } else if (field === 'position') {
    draft.moved = true;
  } else if (field === 'cell_type') {
    draft.retyped = true;
  } else if ((field === 'metadata' || field === 'attachments') && typeof name === 'string') {
    draft[field].add(name);
  }
}

interface Span {
  before: NotebookNode;
  after: NotebookNode;
  metadata: Set<string>;
  minor: boolean;
}

function settle(drafts: Map<string, Draft>, whole: Set<string>, span: Span): NotebookEdit {
  const created = new Set<string>();
  const deleted = new Set<string>();
  const edited = new Map<string, CellEdit>();
  for (const id of new Set([...whole, ...drafts.keys()])) {
    const old = own(span.before.cells, id);
    const now = own(span.after.cells, id);
    const draft = drafts.get(id);
    if (old === undefined || now === undefined) {
      if (now !== undefined) {
        created.add(id);
      } else if (old !== undefined) {
        deleted.add(id);
      }
    } else if (draft === undefined || whole.has(id)) {
      keep(edited, id, diffCell(old, now));
    } else {
      keep(edited, id, {
        text: composeText(draft.steps, old.source, now.source),
        metadata: draft.metadata,
        attachments: draft.attachments,
        retyped: draft.retyped && read(old.cell_type) !== read(now.cell_type),
        moved: draft.moved && read(old.position) !== read(now.position)
      });
    }
  }
  return { created, deleted, edited, metadata: span.metadata, minor: span.minor };
}

function keep(edited: Map<string, CellEdit>, id: string, edit: CellEdit): void {
  if (
    edit.text !== null ||
    edit.metadata.size > 0 ||
    edit.attachments.size > 0 ||
    edit.retyped ||
    edit.moved
  ) {
    edited.set(id, edit);
  }
}

/**
 * Combines text patches, each relative to the result of the former, into one ChangeSet; null for no
 * change.
 */
export function composeText(
  steps: readonly Patch[],
  before: string,
  after: string
): ChangeSet | null {
  if (before === after && steps.length === 0) {
    return null;
  }
  const changes = tryCompose(steps, before) ?? coarseDiff(before, after);
  // An edit that does not lead to the text would leave every editor with a wrong text.
  const sound = changes.newLength === after.length ? changes : coarseDiff(before, after);
  return sound.empty ? null : sound;
}

function tryCompose(steps: readonly Patch[], before: string): ChangeSet | null {
  let whole: ChangeSet | null = ChangeSet.empty(before.length);
  for (const patch of steps) {
    const step = textStep(patch, whole.newLength);
    if (step === null) {
      return null;
    }
    whole = whole.compose(step);
  }
  return whole;
}

function textStep(patch: Patch, length: number): ChangeSet | null {
  const at = patch.path[3];
  if (typeof at !== 'number' || at > length) {
    return null;
  }
  if (patch.action === 'splice') {
    return replacement(length, at, at, patch.value);
  }
  if (patch.action === 'del') {
    const end = at + (patch.length ?? 1);
    return end <= length ? replacement(length, at, end, '') : null;
  }
  return null;
}

/** Compares two states of one cell without patches. */
export function diffCell(before: CellNode, after: CellNode): CellEdit {
  return {
    text: before.source === after.source ? null : coarseDiff(before.source, after.source),
    metadata: diffKeys(before.metadata, after.metadata),
    attachments: diffKeys(before.attachments, after.attachments),
    retyped: read(before.cell_type) !== read(after.cell_type),
    moved: read(before.position) !== read(after.position)
  };
}

/** Compares two notebooks that need not share any history. */
export function diffNotebook(before: NotebookNode, after: NotebookNode): NotebookEdit {
  const created = new Set<string>();
  const edited = new Map<string, CellEdit>();
  for (const [id, now] of Object.entries(after.cells)) {
    const old = own(before.cells, id);
    if (old === undefined) {
      created.add(id);
    } else if (old !== now) {
      keep(edited, id, diffCell(old, now));
    }
  }
  return {
    created,
    deleted: new Set(Object.keys(before.cells).filter(id => !Object.hasOwn(after.cells, id))),
    edited,
    metadata: diffKeys(before.metadata, after.metadata),
    minor: before.nbformat_minor !== after.nbformat_minor
  };
}

function diffKeys(before: JsonMap, after: JsonMap): Set<string> {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return new Set([...keys].filter(key => read(own(before, key)) !== read(own(after, key))));
}

/** Returns the cells that patches of a runtime document touch. */
export function groupRuntime(
  patches: readonly Patch[],
  before: RuntimeNode,
  after: RuntimeNode
): RuntimeEdit {
  const cells = new Set<string>();
  let kernel = false;
  let queue = false;
  for (const { path } of patches) {
    const [root, key] = path;
    kernel ||= root === 'kernel';
    queue ||= root === 'queue';
    if (root !== 'cells' && root !== 'runs') {
      continue;
    }
    if (key === undefined) {
      return allCells(before, after);
    }
    const run = own(after.runs, String(key)) ?? own(before.runs, String(key));
    const id = root === 'cells' ? String(key) : read(run?.cell_id);
    if (id !== '') {
      cells.add(id);
    }
  }
  return { cells, kernel, queue };
}

export function allCells(before: RuntimeNode, after: RuntimeNode): RuntimeEdit {
  return {
    cells: new Set([...Object.keys(before.cells), ...Object.keys(after.cells)]),
    kernel: true,
    queue: true
  };
}
