import { beforeAll, describe, expect, it } from 'vitest';
import type { Doc } from '../../src/document/automerge';
import * as am from '../../src/document/automerge';
import { changeInPieces } from '../../src/document/largeEdits';
import type { NotebookNode } from '../../src/document/schema';
import { coarseDiff } from '../../src/document/text';
import { changeText, deleteCell, putCell, setText } from '../../src/document/writes';
import { joined } from '../../src/protocol/chunks';
import { putNew } from './agent';
import { notebookDoc, seedBytes } from './setup';

const PIECE = 10;
const EMPTY = {
  cell_type: am.str('code'),
  position: am.str('W'),
  metadata: {},
  attachments: {},
  extra: {}
};

let seed: Uint8Array;

beforeAll(async () => {
  seed = (await seedBytes()).notebook;
});

/** Returns a notebook with a cell `a`, whose edits are made in pieces of ten characters. */
function notebook(source: string): {
  write: (f: (draft: NotebookNode) => void) => number[];
  source: (id: string) => string | undefined;
  elsewhere: () => Doc<NotebookNode>;
} {
  let doc = am.change(notebookDoc(seed, 1), draft => {
    putNew(draft, 'a', 'V', source);
  });
  const other = am.clone(doc);
  const changes: Uint8Array[] = [];
  return {
    write: f => {
      const sizes: number[] = [];
      doc = changeInPieces(
        doc,
        f,
        change => {
          changes.push(change);
          sizes.push(am.decodeChange(change).ops.length);
        },
        PIECE
      );
      return sizes;
    },
    source: id => doc.cells[id]?.source,
    elsewhere: () => am.applyChanges(other, changes)[0]
  };
}

describe('an edit in pieces', () => {
  it('is split into changes within the limit of operations', () => {
    const n = notebook('xyz');
    const text = 'abcdefghijklmnopqrstuvwxyz';
    const sizes = n.write(draft => {
      changeText(draft, 'a', coarseDiff('xyz', `xy${text}z`));
    });
    expect(n.source('a')).toBe(`xy${text}z`);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE);
    expect(n.elsewhere().cells['a']?.source).toBe(`xy${text}z`);
  });

  it('deletes in pieces too, and splits no surrogate pair', () => {
    const n = notebook('0123456789'.repeat(3));
    const text = '123456789🙂🙂🙂🙂🙂🙂🙂🙂';
    const sizes = n.write(draft => {
      setText(draft, 'a', text);
    });
    expect(n.source('a')).toBe(text);
    expect(sizes.length).toBeGreaterThan(4);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE);
  });

  it('can insert three cells and delete one of them', () => {
    const n = notebook('');
    const long = 'l'.repeat(25);
    n.write(draft => {
      for (const id of ['b', 'c', 'd']) {
        putCell(draft, id, { ...EMPTY, source: long });
      }
      deleteCell(draft, 'c');
    });
    expect([n.source('b'), n.source('c'), n.source('d')]).toEqual([long, undefined, long]);
  });

  it('is one change if it is small', () => {
    const n = notebook('abc');
    expect(
      n.write(draft => {
        setText(draft, 'a', 'abcd');
      })
    ).toEqual([1]);
  });
});

describe('frames of several changes', () => {
  it('stay within the limit of operations', () => {
    let doc = am.change(notebookDoc(seed, 1), draft => {
      putNew(draft, 'a', 'V', 'x'.repeat(1000));
    });
    const made: Uint8Array[] = [];
    const type = (at: number, remove: number, text: string): void => {
      doc = am.change(doc, draft => {
        am.splice(draft, ['cells', 'a', 'source'], at, remove, text);
      });
      made.push(am.getLastLocalChange(doc) ?? new Uint8Array());
    };
    for (let i = 0; i < 5; i++) {
      type(0, 0, 'k');
    }
    type(0, 600, '');
    type(0, 0, 'k');
    type(0, 0, 'word '.repeat(200));
    type(0, 0, 'k');
    const lengths = (operations?: number): number[] =>
      joined(made, 1 << 20, operations).map(frame => am.splitChunks(frame).length);
    expect(lengths()).toEqual([9]);
    // The sixth change deletes 600 characters, and the eighth inserts a thousand.
    expect(lengths(500)).toEqual([6, 2, 1]);
  });
});
