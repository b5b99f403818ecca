// @vitest-environment jsdom
/** JupyterLab's own notebook widget, its models and its commands, on a room's notebook. */
import './browser';
import {
  CodeMirrorEditorFactory,
  CodeMirrorMimeTypeService,
  EditorExtensionRegistry,
  EditorLanguageRegistry
} from '@jupyterlab/codemirror';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import type { CodeCell, ICodeCellModel, MarkdownCell } from '@jupyterlab/cells';
import { Notebook, NotebookActions, NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import type { EditorView } from '@codemirror/view';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { afterEach, describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import { fromText } from '../../src/document/text';
import { roomBinding } from '../../src/editor/binding';
import { isRoomCell } from '../../src/editor/source';
import type { RuntimeRequests } from '../../src/model/outputRequests';
import { followHeadings } from '../../src/plugins/headings';
import { emptied } from '../../src/plugins/largeOutputs';
import { display, putNew, putRun, stream } from '../document/agent';
import { dice } from '../document/setup';
import type { OutputNode, RuntimeNode } from '../../src/document/schema';
import type { CellSpec, Room } from './room';
import { installViewExtensions } from '../../src/views/install';
import type { Going } from '../../src/views/notebookWidget';
import { going } from '../../src/views/notebookWidget';
import { nextCommand, Peer, room } from './room';

const open: Notebook[] = [];
Peer.keepsMoved = installViewExtensions();

afterEach(() => {
  open.splice(0).forEach(widget => {
    widget.dispose();
  });
});

function editorFactory(): CodeMirrorEditorFactory['newInlineEditor'] {
  const extensions = new EditorExtensionRegistry();
  extensions.addExtension({
    name: 'shared-model-binding',
    factory: ({ model }) => {
      const { sharedModel } = model as { sharedModel: unknown };
      return isRoomCell(sharedModel)
        ? EditorExtensionRegistry.createImmutableExtension(roomBinding(sharedModel))
        : null;
    }
  });
  const languages = new EditorLanguageRegistry();
  return new CodeMirrorEditorFactory({ extensions, languages }).newInlineEditor;
}

function show(peer: Peer): Notebook {
  const widget = new Notebook({
    rendermime: new RenderMimeRegistry({ initialFactories: standardRendererFactories }),
    contentFactory: new Notebook.ContentFactory({ editorFactory: editorFactory() }),
    mimeTypeService: new CodeMirrorMimeTypeService(new EditorLanguageRegistry()),
    notebookConfig: { ...StaticNotebook.defaultNotebookConfig, windowingMode: 'none' }
  });
  open.push(widget);
  widget.model = new NotebookModel({ sharedModel: peer.notebook, collaborationEnabled: true });
  // The plugin does the same, because the views trust the outputs that the server trusts.
  peer.notebook.trustGained.connect((_, id) => {
    const model = widget.widgets.find(cell => cell.model.id === id)?.model;
    if (model !== undefined) {
      model.trusted = true;
    }
  });
  MessageLoop.sendMessage(widget, Widget.Msg.BeforeAttach);
  Widget.attach(widget, document.body);
  widget.activeCellIndex = 0;
  return widget;
}

/** Asserts that widgets, models, editors and output areas show the documents. */
function assertShown(widget: Notebook, peer: Peer): void {
  const cells = peer.documentCells;
  expect(widget.widgets.map(cell => cell.model.id)).toEqual(cells.map(cell => cell.id));
  expect(widget.widgets.map(cell => cell.model.type)).toEqual(cells.map(cell => cell.type));
  widget.widgets.forEach((cell, i) => {
    expect(cell.model.sharedModel).toBe(peer.notebook.cells[i]);
    const editor = cell.editor as CodeMirrorEditor | null;
    if (editor !== null) {
      expect(fromText(editor.state.doc)).toBe(cells[i]?.source);
    }
    if (cell.model.type === 'code') {
      const outputs = (cell.model as ICodeCellModel).outputs.toJSON();
      expect(outputs).toEqual(peer.code(cell.model.id).outputs);
    }
  });
}

async function openNotebook(
  cells: (string | CellSpec)[],
  requests?: RuntimeRequests
): Promise<{ r: Room; peer: Peer; widget: Notebook }> {
  const r = await room(cells);
  const peer = r.open(requests === undefined ? {} : { requests });
  return { r, peer, widget: show(peer) };
}

/** Gives the focus to the editor of a cell, with the cursor at the end of its text. */
function focusCell(widget: Notebook, index: number): EditorView {
  widget.activeCellIndex = index;
  widget.mode = 'edit';
  const view = (widget.widgets[index]?.editor as CodeMirrorEditor).editor;
  view.focus();
  view.dispatch({ selection: { anchor: view.state.doc.length } });
  return view;
}

/** Returns a server that carries out each request at once. */
function serverOf(r: () => Room): RuntimeRequests {
  let runs = 0;
  return {
    clear: ids => {
      r().serverWrites(draft => {
        ids.forEach(id => {
          draft.cells[id] = { trusted: true };
        });
      });
      return Promise.resolve();
    },
    importOutputs: (id, { outputs, executionCount: count }) => {
      r().serverWrites(draft => {
        const nodes = outputs.map(output => stream(output['text'] as string));
        putRun(draft, `import-${++runs}`, id, 'ok', nodes, count);
      });
      return Promise.resolve();
    },
    trust: () => Promise.resolve()
  };
}

describe('a cell with the focus', () => {
  const CELLS = ['a', 'b', 'c', 'd'].map(id => ({ id, source: `text of ${id}` }));

  it('keeps its widget, editor and focus when another peer moves it', async () => {
    const { r, peer, widget } = await openNotebook(CELLS);
    const view = focusCell(widget, 1);
    const cell = widget.widgets[1];
    const other = r.open();
    for (const [from, to] of [
      [1, 3],
      [3, 0],
      [0, 2]
    ] as const) {
      other.notebook.moveCell(from, to);
      r.sync();
      assertShown(widget, peer);
      expect(widget.activeCell).toBe(cell);
      expect(widget.activeCellIndex).toBe(to);
      expect(view.hasFocus).toBe(true);
      expect([...widget.viewportNode.children]).toEqual(widget.widgets.map(each => each.node));
      expect([...widget.layout.widgets]).toEqual(widget.widgets);
    }
    view.dispatch(view.state.replaceSelection('!'));
    expect(peer.cell('b').getSource()).toBe('text of b!');
  });

  it('passes focus and selection to its new widget when another peer changes its type', async () => {
    const { r, peer, widget } = await openNotebook(CELLS);
    focusCell(widget, 1).dispatch({ selection: { anchor: 2, head: 6 } });
    const other = r.open();
    for (const cellType of ['markdown', 'raw', 'code']) {
      other.notebook.transact(() => {
        const { source } = other.cell('b');
        other.notebook.deleteCell(1);
        other.notebook.insertCell(1, { id: 'b', cell_type: cellType, source });
      });
      r.sync();
      assertShown(widget, peer);
      const view = (widget.widgets[1]?.editor as CodeMirrorEditor).editor;
      expect(view.hasFocus).toBe(true);
      expect([view.state.selection.main.anchor, view.state.selection.main.head]).toEqual([2, 6]);
      expect(widget.activeCellIndex).toBe(1);
      expect(widget.activeCell).toBe(widget.widgets[1]);
      expect(widget.mode).toBe('edit');
    }
  });

  it('is reported before its disposal when another peer deletes it, unlike other cells', async () => {
    const { r, widget } = await openNotebook(CELLS);
    const reported: Going[] = [];
    const record = (_: unknown, event: Going): void => {
      expect(event.cell.isDisposed).toBe(false);
      reported.push(event);
    };
    going.connect(record);
    focusCell(widget, 1);
    const other = r.open();
    other.notebook.deleteCell(2);
    r.sync();
    expect(reported).toEqual([]);
    other.notebook.deleteCell(1);
    r.sync();
    going.disconnect(record);
    expect(reported.map(({ possession }) => possession.text)).toEqual(['text of b']);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'keeps its editor and the focus through many changes by another peer (seed %i)',
    async seed => {
      const { r, peer, widget } = await openNotebook(CELLS);
      const view = focusCell(widget, 1);
      const other = r.open();
      const roll = dice(seed);
      for (let turn = 0; turn < 12; turn++) {
        const n = other.ids.length;
        other.notebook.moveCell(roll(n), roll(n));
        other.notebook.transact(() => {
          const at = roll(n);
          if (n > 3 && other.ids[at] !== 'b' && roll(2) === 0) {
            other.notebook.deleteCell(at);
          }
          other.notebook.insertCell(roll(3), { cell_type: roll(2) === 0 ? 'code' : 'raw' });
        });
        r.sync();
        assertShown(widget, peer);
        expect(view.hasFocus).toBe(true);
        expect(widget.activeCell?.model.id).toBe('b');
      }
    }
  );
});

describe("JupyterLab's notebook widget on a room", () => {
  it('folds and unfolds a heading when another peer does', async () => {
    const { r, peer, widget } = await openNotebook([
      { id: 'm', source: '# t', type: 'markdown' },
      'x'
    ]);
    followHeadings(widget, peer.notebook.documents);
    const other = r.open();
    const heading = widget.widgets[0] as MarkdownCell;
    other.cell('m').setMetadata('jp-MarkdownHeadingCollapsed', true);
    r.sync();
    expect(heading.headingCollapsed).toBe(true);
    other.cell('m').deleteMetadata('jp-MarkdownHeadingCollapsed');
    r.sync();
    expect(heading.headingCollapsed).toBe(false);
    expect(peer.documentCells).toEqual(other.documentCells);
  });

  it('shows the cells of the document, each with an editor', async () => {
    const { peer, widget } = await openNotebook([
      { id: 'a', source: 'x = 1' },
      { id: 'm', source: '# t', type: 'markdown' }
    ]);
    assertShown(widget, peer);
    expect(widget.widgets.every(cell => cell.editor !== null)).toBe(true);
  });

  it.each(['with the plugin', 'without the plugin'])(
    'replaces 60 outputs with those of a new run, %s',
    async how => {
      const { r, peer, widget } = await openNotebook([{ id: 'a', source: 'x' }]);
      const many = Array.from({ length: 60 }, (_, i) => display({ 'text/plain': am.str(`${i}`) }));
      r.serverWrites(draft => {
        putRun(draft, 'r1', 'a', 'ok', many, 1);
      });
      assertShown(widget, peer);
      if (how === 'with the plugin') {
        peer.notebook.emptying.connect((_, asked) => {
          asked.done ||= emptied(widget, asked.cell);
        });
      }
      let removals = 0;
      const { outputs } = widget.widgets[0]?.model as ICodeCellModel;
      outputs.changed.connect((_, { type }) => {
        removals += type === 'remove' || type === 'clear' ? 1 : 0;
      });
      r.serverWrites(draft => {
        putRun(draft, 'r2', 'a', 'running', [stream('again')]);
      });
      assertShown(widget, peer);
      expect(removals).toBe(how === 'without the plugin' ? 60 : 1);
    }
  );

  it('shows the result of insert, delete, move, undo, redo and type commands', async () => {
    const { peer, widget } = await openNotebook([
      { id: 'a', source: 'one\ntwo' },
      { id: 'b', source: 'three' },
      { id: 'm', source: '# t', type: 'markdown' }
    ]);
    const after = (sources: string[]): void => {
      expect(peer.sources).toEqual(sources);
      assertShown(widget, peer);
    };
    NotebookActions.insertBelow(widget);
    expect(widget.activeCellIndex).toBe(1);
    after(['one\ntwo', '', 'three', '# t']);
    await nextCommand();
    NotebookActions.deleteCells(widget);
    after(['one\ntwo', 'three', '# t']);
    await nextCommand();
    NotebookActions.moveDown(widget);
    after(['one\ntwo', '# t', 'three']);
    expect(widget.activeCell?.model.id).toBe('b');
    await nextCommand();
    NotebookActions.undo(widget);
    after(['one\ntwo', 'three', '# t']);
    NotebookActions.undo(widget);
    after(['one\ntwo', '', 'three', '# t']);
    NotebookActions.redo(widget);
    after(['one\ntwo', 'three', '# t']);
    widget.activeCellIndex = 1;
    NotebookActions.changeCellType(widget, 'markdown');
    after(['one\ntwo', 'three', '# t']);
    expect(widget.widgets[1]?.model.type).toBe('markdown');
    await nextCommand();
    NotebookActions.undo(widget);
    expect(widget.widgets[1]?.model.type).toBe('code');
  });

  it('shows the result of split, merge, copy, cut and paste commands', async () => {
    const { peer, widget } = await openNotebook([{ id: 'a', source: 'one\ntwo' }, 'b']);
    widget.mode = 'edit';
    widget.activeCell?.editor?.setCursorPosition({ line: 1, column: 0 });
    NotebookActions.splitCell(widget);
    expect(peer.sources).toEqual(['one', 'two', '']);
    assertShown(widget, peer);
    await nextCommand();
    widget.activeCellIndex = 0;
    NotebookActions.mergeCells(widget);
    expect(peer.sources).toEqual(['one\n\ntwo', '']);
    assertShown(widget, peer);
    await nextCommand();
    NotebookActions.copy(widget);
    NotebookActions.paste(widget);
    expect(peer.sources).toEqual(['one\n\ntwo', 'one\n\ntwo', '']);
    expect(new Set(peer.ids).size).toBe(3);
    await nextCommand();
    const { id } = peer.notebook.getCell(1);
    widget.activeCellIndex = 1;
    NotebookActions.cut(widget);
    await nextCommand();
    NotebookActions.paste(widget);
    expect(peer.ids).toContain(id);
    assertShown(widget, peer);
  });

  it('keeps its active cell when another peer adds and deletes cells around it', async () => {
    const { r, peer, widget } = await openNotebook(['a', 'b', 'c']);
    widget.activeCellIndex = 1;
    r.agentEdits(draft => {
      putNew(draft, 'new', '0V', 'above');
      Reflect.deleteProperty(draft.cells, 'c');
    });
    r.sync();
    assertShown(widget, peer);
    expect(widget.activeCell?.model.id).toBe('b');
  });

  it('shows each new output and the prompt of a run that it did not request', async () => {
    const { r, peer, widget } = await openNotebook(['a']);
    const area = (): string => (widget.widgets[0] as CodeCell).outputArea.node.textContent;
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'running', [stream('tick 1\n')]);
    });
    expect(widget.widgets[0]?.node.textContent).toContain('[*]');
    const outputs = (draft: RuntimeNode): OutputNode[] => draft.runs['r1']?.outputs ?? [];
    r.serverWrites(draft => {
      outputs(draft)[0]?.chunks?.push(am.str('tick 2\n'));
    });
    assertShown(widget, peer);
    r.serverWrites(draft => {
      outputs(draft).push(display({ 'text/plain': am.str('<Figure>') }), stream('end'));
    });
    assertShown(widget, peer);
    r.serverWrites(draft => {
      const [, figure] = outputs(draft);
      if (figure?.data !== undefined) {
        figure.data['text/plain'] = am.str('<Other>');
      }
      const run = draft.runs['r1'];
      if (run !== undefined) {
        run.state = am.str('ok');
        run.execution_count = 5;
      }
    });
    assertShown(widget, peer);
    expect(widget.widgets[0]?.node.textContent).toContain('[5]');
    expect(area()).not.toContain('Figure');
  });

  it('follows the trust of the runtime document for a run that it did not request', async () => {
    const { r, widget } = await openNotebook(['a']);
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'ok', [display({ 'text/html': am.str('<b>x</b>') })]);
    });
    expect((widget.widgets[0]?.model as ICodeCellModel).trusted).toBe(true);
    r.serverWrites(draft => {
      putRun(draft, 'r2', 'a', 'ok', [display({ 'text/html': am.str('<i>y</i>') })]);
      const entry = draft.cells['a'];
      if (entry !== undefined) {
        entry.trusted = false;
      }
    });
    expect((widget.widgets[0]?.model as ICodeCellModel).trusted).toBe(false);
  });

  it('clears outputs through the server, and restores them with a deletion that is undone', async () => {
    const holder: { r?: Room } = {};
    const requests = serverOf(() => holder.r as Room);
    const { r, peer, widget } = await openNotebook(['a', 'b'], requests);
    holder.r = r;
    for (const id of ['a', 'b']) {
      r.serverWrites(draft => {
        putRun(draft, `r-${id}`, id, 'ok', [stream(`out of ${id}`)], 1);
      });
    }
    NotebookActions.clearOutputs(widget);
    await nextCommand();
    assertShown(widget, peer);
    expect(peer.code('a').outputs).toEqual([]);
    expect(peer.code('b').outputs).toHaveLength(1);
    NotebookActions.clearAllOutputs(widget);
    await nextCommand();
    expect(peer.code('b').outputs).toEqual([]);
    assertShown(widget, peer);
    r.serverWrites(draft => {
      putRun(draft, 'r3', 'a', 'ok', [stream('again')], 2);
    });
    NotebookActions.deleteCells(widget);
    r.serverWrites(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
    });
    NotebookActions.undo(widget);
    await new Promise(resolve => setTimeout(resolve));
    expect(peer.code('a').outputs).toHaveLength(1);
    assertShown(widget, peer);
  });

  it('shows cleared outputs again if it cannot send a clear request', async () => {
    const { r, peer, widget } = await openNotebook(['a']);
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('kept')], 1);
    });
    NotebookActions.clearOutputs(widget);
    expect((widget.widgets[0]?.model as ICodeCellModel).outputs.length).toBe(0);
    await nextCommand();
    assertShown(widget, peer);
    expect(peer.code('a').outputs).toHaveLength(1);
  });

  it.each([1, 2, 3])(
    'shows the documents after each random command, agent edit and output (seed %i)',
    async seed => {
      const roll = dice(seed);
      const holder: { r?: Room } = {};
      const { r, peer, widget } = await openNotebook(
        ['a', 'b', 'c', 'd'].map(id => ({ id, source: `${id}\ncell` })),
        serverOf(() => holder.r as Room)
      );
      holder.r = r;
      for (let step = 0; step < 150; step++) {
        const did = act(r, widget, roll, step);
        await nextCommand();
        await nextCommand();
        try {
          assertShown(widget, peer);
        } catch (error) {
          throw new Error(`seed ${seed}, step ${step}: ${did}`, { cause: error });
        }
      }
    }
  );
});

type Command = (widget: Notebook) => void;
const COMMANDS: Record<string, Command> = {
  insertAbove: widget => {
    NotebookActions.insertAbove(widget);
  },
  insertBelow: widget => {
    NotebookActions.insertBelow(widget);
  },
  deleteCells: widget => {
    if (widget.widgets.length > 3) {
      NotebookActions.deleteCells(widget);
    }
  },
  moveUp: widget => {
    NotebookActions.moveUp(widget);
  },
  moveDown: widget => {
    NotebookActions.moveDown(widget);
  },
  undo: widget => {
    NotebookActions.undo(widget);
  },
  redo: widget => {
    NotebookActions.redo(widget);
  },
  markdown: widget => {
    NotebookActions.changeCellType(widget, 'markdown');
  },
  code: widget => {
    NotebookActions.changeCellType(widget, 'code');
  },
  split: widget => {
    NotebookActions.splitCell(widget);
  },
  merge: widget => {
    NotebookActions.mergeCells(widget);
  },
  copyPaste: widget => {
    NotebookActions.copy(widget);
    NotebookActions.paste(widget);
  },
  cutPaste: widget => {
    if (widget.widgets.length > 3) {
      NotebookActions.cut(widget);
      NotebookActions.paste(widget);
    }
  },
  clear: widget => {
    NotebookActions.clearOutputs(widget);
  },
  type: widget => {
    const editor = widget.activeCell?.editor as CodeMirrorEditor | null | undefined;
    editor?.replaceSelection('typed 😀\n');
  }
};

function act(r: Room, widget: Notebook, roll: (n: number) => number, step: number): string {
  widget.activeCellIndex = roll(widget.widgets.length);
  const kind = roll(3);
  if (kind === 0) {
    r.agentEdits(draft => {
      const ids = Object.keys(draft.cells);
      const id = ids[roll(ids.length)] ?? '';
      am.splice(draft, ['cells', id, 'source'], 0, 0, `agent ${step}\n`);
      if (roll(3) === 0) {
        putNew(draft, `agent-${step}`, `${'36C'.charAt(roll(3))}${step}V`, 'new');
      }
    });
    r.sync();
    return 'agent';
  }
  if (kind === 1) {
    const id = widget.activeCell?.model.id ?? '';
    r.serverWrites(draft => {
      const run = draft.runs[am.read(draft.cells[id]?.run)];
      if (run === undefined || roll(5) === 0) {
        putRun(draft, `run-${step}`, id, 'ok', [stream(`out ${step}\n`)], step + 1);
      } else if (roll(3) === 0) {
        // A progress bar writes in this way.
        const chunks = run.outputs.at(-1)?.chunks;
        chunks?.splice(chunks.length - 1, 1, am.str(`${roll(100)}%`));
      } else {
        run.outputs.push(roll(2) === 0 ? stream(`more ${step}\n`) : stream('e', 'stderr'));
      }
    });
    return 'server';
  }
  const names = Object.keys(COMMANDS);
  const name = names[roll(names.length)] ?? '';
  COMMANDS[name]?.(widget);
  return name;
}
