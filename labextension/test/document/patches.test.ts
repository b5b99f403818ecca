import { beforeAll, describe, expect, it } from 'vitest';
import type { Doc, Patch } from '../../src/document/automerge';
import * as am from '../../src/document/automerge';
import type { NotebookEdit } from '../../src/document/patches';
import { diffNotebook, groupNotebook } from '../../src/document/patches';
import type { NotebookNode } from '../../src/document/schema';
import { toText, fromText } from '../../src/document/text';
import { dice, notebookDoc, seedBytes } from './setup';
import { putNew } from './agent';

let start: Doc<NotebookNode>;

beforeAll(async () => {
  start = notebookDoc((await seedBytes()).notebook, 1);
  start = am.change(start, draft => {
    putNew(draft, 'a', 'V', 'hello 😀 world');
    putNew(draft, 'b', 'W', '');
  });
});

function edit(write: (draft: NotebookNode) => void): { edit: NotebookEdit; after: NotebookNode } {
  let patches: Patch[] = [];
  const doc = am.clone(start);
  const after = am.change(doc, { patchCallback: made => (patches = made) }, write);
  return { edit: groupNotebook(patches, doc, after), after };
}

describe('patches of a notebook', () => {
  it('become one ChangeSet per cell for any number of splices', () => {
    const { edit: found, after } = edit(draft => {
      am.splice(draft, ['cells', 'a', 'source'], 0, 5, 'bye');
      am.splice(draft, ['cells', 'a', 'source'], 3, 0, ',\n');
      am.splice(draft, ['cells', 'b', 'source'], 0, 0, 'x');
    });
    const text = found.edited.get('a')?.text;
    expect(fromText(text?.apply(toText('hello 😀 world')) ?? toText(''))).toBe(
      after.cells['a']?.source
    );
    expect([...found.edited.keys()].sort()).toEqual(['a', 'b']);
    expect(found.created.size + found.deleted.size).toBe(0);
  });

  it('name the created and deleted cells, and no edits inside of them', () => {
    const { edit: found } = edit(draft => {
      Reflect.deleteProperty(draft.cells, 'b');
      putNew(draft, 'c', 'X', 'new');
    });
    expect([...found.created]).toEqual(['c']);
    expect([...found.deleted]).toEqual(['b']);
    expect(found.edited.size).toBe(0);
  });

  it('describe a replaced cell by its differences', () => {
    const { edit: found } = edit(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
      putNew(draft, 'a', 'V', 'hello 😁 world');
    });
    const changes = found.edited.get('a');
    expect(found.created.size + found.deleted.size).toBe(0);
    expect(fromText(changes?.text?.apply(toText('hello 😀 world')) ?? toText(''))).toBe(
      'hello 😁 world'
    );
  });

  it('name keys of metadata, moves and changes of type', () => {
    const { edit: found } = edit(draft => {
      draft.metadata['kernelspec'] = am.str('{}');
      const a = draft.cells['a'];
      if (a !== undefined) {
        a.metadata['tags'] = am.str('[]');
        a.position = am.str('X');
        a.cell_type = am.str('markdown');
      }
    });
    expect([...found.metadata]).toEqual(['kernelspec']);
    expect(found.edited.get('a')).toMatchObject({ text: null, moved: true, retyped: true });
    expect([...(found.edited.get('a')?.metadata ?? [])]).toEqual(['tags']);
  });

  it('lead to the new text when an edit splits a surrogate pair', () => {
    const { edit: found, after } = edit(draft => {
      am.splice(draft, ['cells', 'a', 'source'], 7, 1, '');
      am.splice(draft, ['cells', 'a', 'source'], 0, 0, '\ud83d');
    });
    const text = found.edited.get('a')?.text;
    expect(fromText(text?.apply(toText('hello 😀 world')) ?? toText(''))).toBe(
      after.cells['a']?.source
    );
  });

  it('lead to the same text as a diff of the documents, for random edits', () => {
    const roll = dice(3);
    let doc = am.clone(start);
    for (let i = 0; i < 300; i++) {
      let patches: Patch[] = [];
      const before = doc;
      doc = am.change(doc, { patchCallback: made => (patches = made) }, draft => {
        for (let n = roll(4); n >= 0; n--) {
          const length = draft.cells['a']?.source.length ?? 0;
          const at = roll(length + 1);
          const gone = Math.min(length - at, roll(4));
          am.splice(
            draft,
            ['cells', 'a', 'source'],
            at,
            gone,
            ['', 'x', 'é😀', '\n'][roll(4)] ?? ''
          );
        }
      });
      for (const found of [groupNotebook(patches, before, doc), diffNotebook(before, doc)]) {
        const old = toText(before.cells['a']?.source ?? '');
        const now = found.edited.get('a')?.text?.apply(old) ?? old;
        expect(fromText(now)).toBe(doc.cells['a']?.source);
      }
    }
  });
});

describe('chunks of changes', () => {
  it('are split where they were joined', () => {
    const doc = am.change(am.clone(start), draft => {
      putNew(draft, 'z', 'Z', 'x'.repeat(5000));
    });
    const changes = am.getChangesSince(doc, []);
    const joined = new Uint8Array(changes.flatMap(change => [...change]));
    expect(am.splitChunks(joined)).toEqual(changes);
  });

  it('are refused if they are cut short or invalid', () => {
    const [change] = am.getChangesSince(start, []);
    expect(() => am.splitChunks(change?.subarray(0, 20) ?? new Uint8Array())).toThrow(RangeError);
    expect(() => am.splitChunks(new Uint8Array([1, 2, 3]))).toThrow(RangeError);
  });
});
