/**
 * The shapes of both documents in memory, and functions that read them.
 *
 * The drawing is `docs/design/documents.md`. This module knows Automerge's scalar strings, but no
 * events.
 */
import type { ImmutableString } from './automerge';
import { parseJson, read, str } from './automerge';

export type Str = ImmutableString;
/** Keys to JSON text. */
export type JsonMap = Record<string, Str>;

export interface CellNode {
  cell_type: Str;
  position: Str;
  source: string;
  metadata: JsonMap;
  attachments: JsonMap;
  extra: JsonMap;
}

export interface NotebookNode {
  schema: number;
  nbformat_minor?: number;
  metadata: JsonMap;
  extra: JsonMap;
  cells: Record<string, CellNode>;
}

export type BlobEncoding = 'utf-8' | 'base64' | 'json';
export interface BlobNode {
  blob: Str;
  size: number;
  encoding: Str;
}
export type DataNode = Str | BlobNode | { json: Str };

export interface OutputNode {
  id: Str;
  type: Str;
  extra?: JsonMap;
  name?: Str;
  chunks?: (Str | BlobNode)[];
  data?: Record<string, DataNode>;
  metadata?: Str;
  execution_count?: number | null;
  ename?: Str;
  evalue?: Str | BlobNode;
  /** A blob is a JSON list of lines. */
  traceback?: (Str | BlobNode)[];
}

export interface RunNode {
  cell_id: Str;
  state: Str;
  by: Str;
  execution_count?: number | null;
  source_hash?: Str;
  outputs: OutputNode[];
  queued_at?: number;
  started_at?: number | null;
  finished_at?: number | null;
  reason?: Str | null;
  prompt?: { id: Str; text: Str; password: boolean } | null;
}

export interface RuntimeNode {
  schema: number;
  epoch?: Str;
  kernel: Record<string, Str>;
  queue: Str[];
  cells: Record<string, { run?: Str | null; trusted?: boolean }>;
  runs: Record<string, RunNode>;
}

/** The notebook before a document is loaded. */
export const NO_NOTEBOOK: NotebookNode = { schema: 1, metadata: {}, extra: {}, cells: {} };
export const NO_RUNTIME: RuntimeNode = { schema: 1, kernel: {}, queue: [], cells: {}, runs: {} };

export const TRUSTED = 'trusted';
/**
 * No map of a document has this key: Automerge refuses it in JavaScript, where it is a special
 * name.
 */
export const FORBIDDEN_KEY = '__proto__';
const DEFAULT_MINOR = 5;

export function minorOf(notebook: NotebookNode): number {
  return notebook.nbformat_minor ?? DEFAULT_MINOR;
}

/** Returns a value under an own key, because an id may be called `constructor`. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Cell ids from top to bottom: by position, then id, both by code unit. */
export function cellOrder(cells: Record<string, CellNode>): string[] {
  const placed = Object.keys(cells).map(id => ({ id, at: read(own(cells, id)?.position) }));
  placed.sort((a, b) => compare(a.at, b.at) || compare(a.id, b.id));
  return placed.map(entry => entry.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function typeOf(cell: CellNode | undefined): 'code' | 'markdown' | 'raw' {
  const type = read(cell?.cell_type);
  return type === 'code' || type === 'markdown' ? type : 'raw';
}

/** The JSON values of a map of JSON text; entries that are not JSON are left out. */
export function readJsonMap(map: JsonMap | undefined): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(map ?? {})) {
    const value = parseJson(text);
    if (value !== undefined) {
      values[key] = value;
    }
  }
  return values;
}

/** A copy that belongs to no document, so that it can be written into one. */
export function copyCell(cell: CellNode): CellNode {
  return {
    cell_type: str(read(cell.cell_type)),
    position: str(read(cell.position)),
    source: cell.source,
    metadata: copyMap(cell.metadata),
    attachments: copyMap(cell.attachments),
    extra: copyMap(cell.extra)
  };
}

function copyMap(map: JsonMap): JsonMap {
  return Object.fromEntries(Object.entries(map).map(([key, text]) => [key, str(read(text))]));
}

/** The run whose outputs a cell shows. */
export function runOf(runtime: RuntimeNode, cellId: string): RunNode | undefined {
  const run = runIdOf(runtime, cellId);
  return run === undefined ? undefined : own(runtime.runs, run);
}

export function runIdOf(runtime: RuntimeNode, cellId: string): string | undefined {
  return read(own(runtime.cells, cellId)?.run) || undefined;
}

/** Whether the server still works for this run. */
export function isLive(run: RunNode | undefined): boolean {
  const state = read(run?.state);
  return state === 'queued' || state === 'running';
}
