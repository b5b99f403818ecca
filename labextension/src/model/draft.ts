/**
 * One outermost transaction: the cells in their live order, while the list of the views does not
 * change yet.
 *
 * Deletions wait for the end. A cell that is removed and put back in one transaction (a change of
 * type, a merge into it, a notebook set from a file) counts as never deleted: it is edited in
 * place, so that concurrent typing of others survives.
 */
import type { SharedCell } from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import { UUID } from '@lumino/coreutils';
import { jsonText, read, str } from '../document/automerge';
import type { CellNode, JsonMap, NotebookNode } from '../document/schema';
import {
  cellOrder,
  copyCell,
  FORBIDDEN_KEY,
  own,
  readJsonMap,
  TRUSTED,
  typeOf
} from '../document/schema';
import { adopted, normalizeLines } from '../document/text';
import type { EntryPath } from '../document/writes';
import { deleteCell, placesAt, putCell, setEntry, setText } from '../document/writes';
import type { Plan } from './metadata';
import { planAll, planWhole } from './metadata';
import type { Import } from './outputRequests';

interface Gone {
  index: number;
  type: string;
  source: string;
}

export class Draft {
  constructor(readonly draft: NotebookNode) {}

  /** Cells that get a new wrapper even if they could keep theirs. */
  readonly renewed = new Set<string>();
  /** Outputs of inserted cells; null for none. */
  readonly wanted = new Map<string, Import | null>();

  /** Ids from top to bottom, in the order after the transaction. */
  get order(): string[] {
    return (this._order ??= cellOrder(this.draft.cells));
  }

  insert(index: number, cells: readonly SharedCell.Cell[]): string[] {
    const at = Math.max(0, Math.min(index, this.order.length));
    const ids = cells.map((cell, i) => this._idFor(cell, at + i));
    const [only] = ids;
    const stays = ids.length === 1 && only !== undefined && this._fits(only, at);
    const places = stays ? [] : placesAt(this.draft, this.order, at, ids.length);
    ids.forEach((id, i) => {
      const cell = cells[i];
      if (cell !== undefined) {
        this._place(id, cell, places[i] ?? null);
      }
    });
    this.order.splice(at, 0, ...ids);
    return ids;
  }

  /** `to` counts as in JupyterLab's lists: the place of the last moved cell when it moves down. */
  move(from: number, to: number, count: number): void {
    const ids = this.order.splice(from, count);
    const at = from > to ? to : to - ids.length + 1;
    const places = placesAt(this.draft, this.order, at, ids.length);
    ids.forEach((id, i) => {
      setEntry(this.draft, ['cells', id, 'position'], places[i] ?? null);
    });
    this.order.splice(at, 0, ...ids);
  }

  remove(from: number, to: number): void {
    this.order.slice(from, to).forEach(id => {
      const cell = own(this.draft.cells, id);
      this._gone.set(id, { index: from, type: typeOf(cell), source: cell?.source ?? '' });
    });
    this.order.splice(from, Math.max(0, to - from));
  }

  /** Removes a cell by id; does nothing if the cell is gone. */
  take(id: string): void {
    const index = this.order.indexOf(id);
    if (index >= 0) {
      this.remove(index, index + 1);
    }
  }

  /** Restores a removed cell unchanged; does nothing if the cell is there. */
  restore(id: string, cell: CellNode): void {
    if (own(this.draft.cells, id) === undefined) {
      putCell(this.draft, id, copyCell(cell));
      this._order = null;
    }
  }

  applyPlan(map: (key: string) => EntryPath, plan: Plan): void {
    for (const [key, value] of plan) {
      setEntry(this.draft, map(key), jsonText(value));
    }
  }

  finish(): void {
    for (const id of this.deleted) {
      deleteCell(this.draft, id);
    }
  }

  /** The cells that were removed and not put back. */
  get deleted(): Iterable<string> {
    return this._gone.keys();
  }

  private _idFor(cell: SharedCell.Cell, index: number): string {
    const named = typeof cell.id === 'string' ? cell.id : '';
    const given = named !== '' && named !== FORBIDDEN_KEY ? named : null;
    if (given !== null && (this._gone.has(given) || own(this.draft.cells, given) === undefined)) {
      return given;
    }
    return (given === null ? this._continued(cell, index) : null) ?? UUID.uuid4();
  }

  /**
   * Returns the deleted cell that a nameless new cell continues, because the new cell contains all
   * its text.
   */
  private _continued(cell: SharedCell.Cell, index: number): string | null {
    const source = normalizeLines(cell.source);
    for (const [id, gone] of this._gone) {
      const same = gone.index === index && gone.type === cell.cell_type;
      if (same && gone.source !== '' && source.includes(gone.source)) {
        return id;
      }
    }
    return null;
  }

  /** Whether a cell that is put back at `at` may keep its position. */
  private _fits(id: string, at: number): boolean {
    const mine = own(this.draft.cells, id)?.position;
    if (mine === undefined) {
      return false;
    }
    const above = this._positionOf(this.order[at - 1]);
    const below = this._positionOf(this.order[at]);
    const position = read(mine);
    return (above === null || above < position) && (below === null || position < below);
  }

  private _positionOf(id: string | undefined): string | null {
    const cell = id === undefined ? undefined : own(this.draft.cells, id);
    return cell === undefined ? null : read(cell.position);
  }

  private _place(id: string, cell: SharedCell.Cell, position: string | null): void {
    this.renewed.add(id);
    this.wanted.set(id, outputsOf(cell));
    if (this._gone.delete(id)) {
      this._rewrite(id, cell, position);
      return;
    }
    putCell(this.draft, id, {
      cell_type: str(knownType(cell.cell_type)),
      position: str(position ?? ''),
      source: normalizeLines(cell.source),
      metadata: jsonMap(planAll({ ...cell.metadata })),
      attachments: jsonMap(new Map(Object.entries(attachmentsOf(cell)))),
      extra: {}
    });
  }

  private _rewrite(id: string, cell: SharedCell.Cell, position: string | null): void {
    const node = own(this.draft.cells, id);
    if (node === undefined) {
      return;
    }
    setText(this.draft, id, adopted(node.source, cell.source));
    setEntry(this.draft, ['cells', id, 'cell_type'], knownType(cell.cell_type));
    if (position !== null) {
      setEntry(this.draft, ['cells', id, 'position'], position);
    }
    this.applyPlan(
      key => ['cells', id, 'metadata', key],
      planWhole(readJsonMap(node.metadata), { ...cell.metadata })
    );
    this.setAttachments(id, attachmentsOf(cell));
  }

  setAttachments(id: string, attachments: nbformat.IAttachments): void {
    const node = own(this.draft.cells, id);
    const names = new Set([...Object.keys(node?.attachments ?? {}), ...Object.keys(attachments)]);
    for (const name of names) {
      setEntry(this.draft, ['cells', id, 'attachments', name], jsonText(own(attachments, name)));
    }
  }

  private readonly _gone = new Map<string, Gone>();
  private _order: string[] | null = null;
}

export function knownType(type: string | undefined): 'code' | 'markdown' | 'raw' {
  return type === 'code' || type === 'markdown' ? type : 'raw';
}

function outputsOf(cell: SharedCell.Cell): Import | null {
  const { outputs, execution_count } = cell as Partial<nbformat.ICodeCell>;
  return cell.cell_type === 'code' && outputs !== undefined && outputs.length > 0
    ? {
        outputs,
        executionCount: execution_count ?? null,
        trusted: cell.metadata?.[TRUSTED] === true
      }
    : null;
}

function attachmentsOf(cell: SharedCell.Cell): nbformat.IAttachments {
  return (cell as Partial<nbformat.IMarkdownCell>).attachments ?? {};
}

function jsonMap(plan: Plan): JsonMap {
  const map: JsonMap = {};
  for (const [key, value] of plan) {
    const text = jsonText(value);
    if (text !== null && key !== FORBIDDEN_KEY) {
      map[key] = str(text);
    }
  }
  return map;
}
