// @vitest-environment jsdom
/**
 * Two notebooks with live editors and a plain Automerge peer, edited at random.
 *
 * After each step, the wrappers, the document and the editors of each notebook have the same text.
 * In the end, all three peers have the same document. A failure names its seed and step.
 */
import { EditorView } from '@codemirror/view';
import { afterEach, describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import type { NotebookNode } from '../../src/document/schema';
import { fromText } from '../../src/document/text';
import { roomBinding } from '../../src/editor/binding';
import type { AnyRoomCell } from '../../src/model/makeCell';
import { putNew } from '../document/agent';
import { dice } from '../document/setup';
import type { Peer, Room } from '../model/room';
import { nextCommand, room } from '../model/room';

type Roll = (n: number) => number;

const TEXTS = ['a', 'xy\n', '😀', '', 'foo\nbar', '👩‍🔬', 'é'];
const SEEDS = [1, 2, 3, 4, 5, 6];
const STEPS = 400;

const opened: NotebookView[] = [];

afterEach(() => {
  opened.splice(0).forEach(notebookView => {
    notebookView.close();
  });
});

/** The notebook of one user, with an editor for each of its cells as in the notebook widget. */
class NotebookView {
  constructor(readonly peer: Peer) {
    opened.push(this);
    peer.notebook.cells.forEach(cell => {
      this._bind(cell);
    });
    peer.notebook.changed.connect((_, change) => {
      for (const step of change.cellsChange ?? []) {
        (step.insert as AnyRoomCell[] | undefined)?.forEach(cell => {
          this._bind(cell);
        });
      }
    });
  }

  editor(index: number): EditorView | undefined {
    const cell = this.peer.notebook.cells[index];
    return cell === undefined ? undefined : this._editors.get(cell);
  }

  assertInStep(): void {
    const wrappers = this.peer.notebook.cells.map(cell => ({
      id: cell.id,
      type: cell.cell_type,
      source: cell.getSource()
    }));
    expect(wrappers).toEqual(this.peer.documentCells);
    const editors = wrappers.map((_, i) => {
      const view = this.editor(i);
      return view === undefined ? 'no editor' : fromText(view.state.doc);
    });
    expect(editors).toEqual(wrappers.map(cell => cell.source));
    expect(this._editors.size).toBe(wrappers.length);
  }

  close(): void {
    this._editors.forEach(view => {
      view.destroy();
    });
    this.peer.notebook.dispose();
  }

  private _bind(cell: AnyRoomCell): void {
    const view = new EditorView({ doc: cell.getSource(), extensions: [roomBinding(cell)] });
    this._editors.set(cell, view);
    (cell as { disposed: AnyRoomCell['disposed'] }).disposed.connect(() => {
      view.destroy();
      this._editors.delete(cell);
    });
  }

  private readonly _editors = new Map<AnyRoomCell, EditorView>();
}

type Act = (notebookView: NotebookView, roll: Roll) => void;

const ACTS: Record<string, Act> = {
  type: typeInEditor,
  typeMore: typeInEditor,
  typeAgain: typeInEditor,
  insert: ({ peer: { notebook } }, roll) => {
    const cell_type = ['code', 'markdown', 'raw'][roll(3)] ?? 'raw';
    notebook.insertCell(roll(notebook.cells.length + 1), { cell_type, source: text(roll) });
  },
  remove: ({ peer: { notebook } }, roll) => {
    if (notebook.cells.length > 3) {
      notebook.deleteCell(roll(notebook.cells.length));
    }
  },
  move: ({ peer: { notebook } }, roll) => {
    const { length } = notebook.cells;
    notebook.moveCell(roll(length), roll(length));
  },
  undo: ({ peer: { notebook } }, roll) => {
    const cell = notebook.cells[roll(notebook.cells.length)];
    (roll(2) === 0 ? notebook : cell)?.undo();
  },
  redo: ({ peer: { notebook } }, roll) => {
    const cell = notebook.cells[roll(notebook.cells.length)];
    (roll(2) === 0 ? notebook : cell)?.redo();
  },
  command: ({ peer: { notebook } }, roll) => {
    const at = roll(notebook.cells.length);
    notebook.transact(() => {
      notebook.deleteCell(at);
      notebook.insertCell(at, { cell_type: 'markdown', source: `M${roll(99)}` });
      notebook.moveCell(0, notebook.cells.length - 1);
    });
  },
  retype: ({ peer: { notebook } }, roll) => {
    const at = roll(notebook.cells.length);
    const { id, source } = notebook.getCell(at).toJSON();
    notebook.transact(() => {
      notebook.deleteCell(at);
      notebook.insertCell(at, { id, cell_type: ['code', 'markdown'][roll(2)] ?? 'raw', source });
    });
  },
  split: ({ peer: { notebook } }, roll) => {
    const at = roll(notebook.cells.length);
    const cell = notebook.getCell(at);
    const source = cell.getSource();
    const cut = roll(source.length + 1);
    notebook.transact(() => {
      notebook.insertCells(at, [{ cell_type: cell.cell_type, source: source.slice(0, cut) }]);
      cell.setSource(source.slice(cut));
    });
  },
  merge: ({ peer: { notebook } }, roll) => {
    const at = roll(Math.max(1, notebook.cells.length - 1));
    const [one, two] = [notebook.getCell(at), notebook.getCell(Math.min(at + 1, at + 1))];
    if (notebook.cells.length > 3) {
      const source = `${one.getSource()}\n\n${two.getSource()}`;
      notebook.transact(() => {
        notebook.deleteCell(at);
        notebook.insertCell(at, { cell_type: one.cell_type, source });
        notebook.deleteCell(at + 1);
      });
    }
  },
  metadata: ({ peer: { notebook } }, roll) => {
    notebook.getCell(roll(notebook.cells.length)).setMetadata('collapsed', roll(2) === 0);
  }
};

function text(roll: Roll): string {
  return TEXTS[roll(TEXTS.length)] ?? '';
}

function typeInEditor(notebookView: NotebookView, roll: Roll): void {
  const view = notebookView.editor(roll(notebookView.peer.notebook.cells.length));
  if (view !== undefined) {
    const { length } = view.state.doc;
    const from = roll(length + 1);
    const to = Math.min(length, from + roll(4));
    view.dispatch({ changes: { from, to, insert: text(roll) } });
  }
}

function agentActs(draft: NotebookNode, roll: Roll, step: number): void {
  const ids = Object.keys(draft.cells);
  const id = ids[roll(ids.length)] ?? '';
  const cell = draft.cells[id];
  const position = `R${'abcV'.charAt(roll(4))}${step}V`;
  switch (roll(5)) {
    case 0:
      putNew(draft, `agent-${step}`, position, `agent ${step}`);
      break;
    case 1:
      if (ids.length > 3) {
        Reflect.deleteProperty(draft.cells, id);
      }
      break;
    case 2:
      if (cell !== undefined) {
        cell.position = am.str(position);
      }
      break;
    default:
      if (cell !== undefined) {
        const { length } = cell.source;
        const at = roll(length + 1);
        am.splice(draft, ['cells', id, 'source'], at, Math.min(length - at, roll(3)), text(roll));
      }
  }
}

async function act(
  r: Room,
  notebookViews: NotebookView[],
  roll: Roll,
  step: number
): Promise<string> {
  const names = Object.keys(ACTS);
  const author = roll(3);
  const notebookView = notebookViews[author];
  const name = names[roll(names.length)] ?? '';
  if (notebookView === undefined) {
    r.agentEdits(draft => {
      agentActs(draft, roll, step);
    });
  } else if (notebookView.peer.notebook.cells.length > 0) {
    ACTS[name]?.(notebookView, roll);
  }
  await nextCommand();
  if (roll(4) === 0) {
    r.sync();
    await nextCommand();
  }
  return notebookView === undefined ? 'agent' : `${author} ${name}`;
}

describe('two notebooks with editors and an agent under random edits', () => {
  it.each(SEEDS)(
    'keep cells, editors and documents equal after each edit, and converge (seed %i)',
    async seed => {
      const roll = dice(seed);
      const r = await room(['a', 'b', 'c', 'd'].map(id => ({ id, source: `cell ${id}` })));
      const notebookViews = [
        new NotebookView(r.open()),
        new NotebookView(r.open({ disableDocumentWideUndoRedo: false }))
      ];
      for (let step = 0; step < STEPS; step++) {
        const done = await act(r, notebookViews, roll, step);
        try {
          notebookViews.forEach(notebookView => {
            notebookView.assertInStep();
          });
        } catch (error) {
          throw new Error(`seed ${seed}, step ${step}: ${done}`, { cause: error });
        }
      }
      r.sync();
      r.sync();
      await nextCommand();
      const heads = [...am.getHeads(r.agent.doc)].sort();
      for (const notebookView of notebookViews) {
        notebookView.assertInStep();
        expect(notebookView.peer.notebook.documents.heads('notebook')).toEqual(heads);
        expect(notebookView.peer.notebook.documents.notebook).toEqual(r.agent.doc);
      }
    },
    120_000
  );
});
