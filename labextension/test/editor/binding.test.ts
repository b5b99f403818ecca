// @vitest-environment jsdom
import { ChangeSet, EditorState, Transaction } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { afterEach, describe, expect, it } from 'vitest';
import { splice } from '../../src/document/automerge';
import { roomBinding } from '../../src/editor/binding';
import type { AnyRoomCell } from '../../src/model/makeCell';
import { nextCommand, room } from '../model/room';

const views: EditorView[] = [];

afterEach(() => {
  views.splice(0).forEach(view => {
    view.destroy();
  });
});

function editor(cell: AnyRoomCell, seen: Transaction[] = []): EditorView {
  const parent = document.body.appendChild(document.createElement('div'));
  const watch = EditorView.updateListener.of(update => {
    seen.push(...update.transactions);
  });
  const extensions = [roomBinding(cell), watch];
  const view = new EditorView({ doc: cell.getSource(), extensions, parent });
  views.push(view);
  return view;
}

function type(view: EditorView, from: number, to: number, insert: string): void {
  view.dispatch({ changes: { from, to, insert }, userEvent: 'input.type' });
}

describe('an editor bound to a cell', () => {
  it('writes a transaction as one change and receives no echo of it', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const seen: Transaction[] = [];
    const view = editor(ana.cell('a'), seen);
    view.dispatch({
      changes: [
        { from: 0, insert: '(' },
        { from: 1, insert: ')' }
      ]
    });
    expect([ana.sources, ana.unsent.length, seen.length]).toEqual([['(x)'], 1, 1]);
  });

  it('applies a remote change as one transaction outside its history and keeps its selection', async () => {
    const r = await room([{ id: 'a', source: 'hello world' }]);
    const ana = r.open();
    const seen: Transaction[] = [];
    const view = editor(ana.cell('a'), seen);
    view.dispatch({ selection: { anchor: 6, head: 11 } });
    seen.length = 0;
    r.agentEdits(draft => {
      splice(draft, ['cells', 'a', 'source'], 0, 5, 'dear');
      splice(draft, ['cells', 'a', 'source'], 10, 0, '!');
      splice(draft, ['cells', 'a', 'source'], 0, 0, '>> ');
    });
    r.sync();
    expect(view.state.doc.toString()).toBe('>> dear world!');
    expect(seen).toHaveLength(1);
    expect(seen[0]?.annotation(Transaction.remote)).toBe(true);
    expect(seen[0]?.annotation(Transaction.addToHistory)).toBe(false);
    const { from, to } = view.state.selection.main;
    expect(view.state.sliceDoc(from, to)).toBe('world');
    expect(ana.unsent).toEqual([]);
  });

  it('shows the text that is typed in another editor of the same cell', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const [one, two] = [editor(ana.cell('a')), editor(ana.cell('a'))];
    type(one, 0, 0, 'typed');
    type(two, 5, 5, ' more');
    expect([one, two].map(view => view.state.doc.toString())).toEqual(['typed more', 'typed more']);
    expect(ana.unsent).toHaveLength(2);
  });

  it('moves the cursor to the place of an undo if it has the focus', async () => {
    const r = await room([{ id: 'a', source: 'one\ntwo' }]);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    view.focus();
    type(view, 3, 3, '!!!');
    view.dispatch({ selection: { anchor: 10 } });
    ana.cell('a').undo();
    expect(view.state.doc.toString()).toBe('one\ntwo');
    expect(view.state.selection.main.head).toBe(view.hasFocus ? 3 : 7);
    ana.cell('a').redo();
    expect(view.state.doc.toString()).toBe('one!!!\ntwo');
  });

  it('shows the text of the document after an edit that splits a surrogate pair', async () => {
    const r = await room([{ id: 'a', source: 'a😀b' }]);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    type(view, 2, 3, '');
    await nextCommand();
    expect(view.state.doc.toString()).toBe(ana.sources[0]);
    type(view, 0, 0, '\ud83d');
    await nextCommand();
    expect(view.state.doc.toString()).toBe(ana.sources[0]);
    r.sync();
    expect(r.agent.doc.cells['a']?.source).toBe(ana.sources[0]);
  });

  it('keeps carriage returns of other peers, and its cell writes none of its own', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    r.agentEdits(draft => {
      splice(draft, ['cells', 'a', 'source'], 0, 0, 'one\r\ntwo');
    });
    r.sync();
    expect(view.state.doc.length).toBe(8);
    type(view, 8, 8, '!');
    ana.cell('a').updateSource(0, 0, '0\r\n');
    expect(ana.sources).toEqual(['0\none\r\ntwo!']);
    const late = editor(ana.cell('a'));
    await nextCommand();
    expect(late.state.doc.length).toBe(ana.sources[0]?.length);
  });

  it('is read-only for a viewer and reverts text that is forced into it', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    ana.notebook.readOnly = true;
    expect(view.state.readOnly).toBe(true);
    type(view, 0, 0, 'forced');
    await nextCommand();
    expect([view.state.doc.toString(), ana.sources, ana.unsent]).toEqual(['x', ['x'], []]);
    ana.notebook.readOnly = false;
    expect(view.state.readOnly).toBe(false);
  });

  it('merges an edit of an older text into the current text of the cell', async () => {
    const r = await room([{ id: 'a', source: 'abc' }]);
    const ana = r.open();
    const cell = ana.cell('a');
    const { doc } = EditorState.create({ doc: 'abc' });
    const changes = ChangeSet.of({ from: 3, insert: '!' }, 3);
    cell.updateSource(0, 0, 'more ');
    expect(cell.applyEditorChange(changes, doc, {})).toBe(true);
    expect(ana.sources).toEqual(['more abc!']);
  });

  it('is replaced by an editor that writes to the new wrapper after a move', async () => {
    const r = await room([{ id: 'a', source: 'x' }, 'b']);
    const ana = r.open();
    const old = editor(ana.cell('a'));
    ana.notebook.moveCell(0, 1);
    old.destroy();
    const view = editor(ana.cell('a'));
    type(view, 1, 1, 'y');
    expect(ana.sources).toEqual(['', 'xy']);
  });

  it('ignores changes of the cell after it is destroyed', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    view.destroy();
    ana.cell('a').setSource('x');
    expect(view.state.doc.toString()).toBe('');
  });
});

describe('carriage returns in a cell', () => {
  const SOURCE = 'a\rb\r\nc\nd';

  it('are the same in the editor as in the document', async () => {
    const r = await room([{ id: 'a', source: SOURCE }]);
    const view = editor(r.open().cell('a'));
    expect(view.state.sliceDoc()).toBe(SOURCE);
    expect(view.state.doc.lines).toBe(3);
  });

  it('stay in place when other text is typed, set or deleted', async () => {
    const r = await room([{ id: 'a', source: SOURCE }]);
    const ana = r.open();
    const cell = ana.cell('a');
    const view = editor(cell);
    type(view, 8, 8, '!');
    expect(ana.sources).toEqual(['a\rb\r\nc\nd!']);
    cell.setSource('#a\rb\r\nc\nd!\nnew');
    expect(ana.sources).toEqual(['#a\rb\r\nc\nd!\nnew']);
    cell.updateSource(0, 1, '');
    expect(ana.sources).toEqual(['a\rb\r\nc\nd!\nnew']);
    expect(view.state.sliceDoc()).toBe('a\rb\r\nc\nd!\nnew');
  });

  it('stay in place when CodeMirror reads a typed line from the page', async () => {
    const r = await room([{ id: 'a', source: SOURCE }]);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    const line = view.contentDOM.querySelector('.cm-line');
    const text = line?.firstChild;
    if (text === null || text === undefined) {
      throw new Error('no text in the first line');
    }
    text.nodeValue = (text.nodeValue ?? '').replace('a', 'ax');
    // What CodeMirror does when it sees a mutation; jsdom reports them later.
    (view as unknown as { observer: { flush(): void } }).observer.flush();
    expect(ana.sources[0]?.replace('x', '')).toBe(SOURCE);
  });

  it('become line feeds in pasted text', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const view = editor(ana.cell('a'));
    const filters = view.state.facet(EditorView.clipboardInputFilter);
    const pasted = filters.reduce((text, filter) => filter(text, view.state), 'a\r\nb\rc');
    expect(pasted).toBe('a\nb\nc');
  });
});
