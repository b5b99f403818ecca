/** Edits of other peers; of the code under test, only the types of the schema are in use. */
import type { Doc } from '../../src/document/automerge';
import * as am from '../../src/document/automerge';
import type { NotebookNode, OutputNode, RuntimeNode } from '../../src/document/schema';

/** Inserts a cell with all of its maps, as each peer must do. */
export function putNew(
  draft: NotebookNode,
  id: string,
  position: string,
  source: string,
  type = 'code'
): void {
  draft.cells[id] = {
    cell_type: am.str(type),
    position: am.str(position),
    source,
    metadata: {},
    attachments: {},
    extra: {}
  };
}

/** A peer that holds a plain Automerge document. */
export class Agent<T> {
  constructor(public doc: Doc<T>) {}

  /** Edits the document and returns the bytes of the change. */
  edit(write: (draft: T) => void): Uint8Array {
    const before = am.getHeads(this.doc);
    this.doc = am.change(this.doc, write);
    return joined(am.getChangesSince(this.doc, before));
  }

  receive(data: Uint8Array): void {
    [this.doc] = am.applyChanges(this.doc, am.splitChunks(data));
  }
}

export function joined(changes: Uint8Array[]): Uint8Array {
  return new Uint8Array(changes.flatMap(change => [...change]));
}

/** Writes a run of a cell with outputs, as the server does. */
export function putRun(
  draft: RuntimeNode,
  run: string,
  cell: string,
  state: string,
  outputs: OutputNode[] = [],
  count: number | null = null
): void {
  draft.runs[run] = {
    cell_id: am.str(cell),
    state: am.str(state),
    by: am.str('ana'),
    execution_count: count,
    outputs
  };
  draft.cells[cell] = { run: am.str(run), trusted: true };
}

let ids = 0;

export function stream(text: string, name = 'stdout'): OutputNode {
  return {
    id: am.str(`o${++ids}`),
    type: am.str('stream'),
    name: am.str(name),
    chunks: [am.str(text)]
  };
}

export function display(data: NonNullable<OutputNode['data']>): OutputNode {
  return {
    id: am.str(`o${++ids}`),
    type: am.str('display_data'),
    data,
    metadata: am.str('{}')
  };
}
