/**
 * Turns JupyterLab's metadata changes into entries to set or remove.
 *
 * Pure. `collapsed` and `jupyter.outputs_hidden` have the same meaning and mirror each other;
 * `trusted` is not metadata here at all.
 */
import type { IMapChange, MapChanges } from '@jupyter/ydoc';
import type { PartialJSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';
import { parseJson } from '../document/automerge';
import type { JsonMap } from '../document/schema';
import { own, TRUSTED } from '../document/schema';

export type Values = Record<string, unknown>;
/** Keys to new values; undefined removes the key. */
export type Plan = Map<string, unknown>;

export function planKey(current: Values, key: string, value: unknown): Plan {
  const plan: Plan = new Map([[key, value]]);
  const jupyter = asObject(current['jupyter']);
  if (key === 'collapsed' && jupyter['outputs_hidden'] !== value) {
    plan.set('jupyter', { ...jupyter, outputs_hidden: value });
  } else if (key === 'jupyter') {
    const hidden = asObject(value)['outputs_hidden'];
    if (current['collapsed'] !== hidden) {
      plan.set('collapsed', hidden);
    }
  }
  return withoutTrust(plan);
}

export function planRemoval(current: Values, key: string): Plan {
  const plan: Plan = new Map([[key, undefined]]);
  const jupyter = current['jupyter'];
  if (key === 'collapsed' && jupyter !== undefined) {
    const others = without(asObject(jupyter), 'outputs_hidden');
    plan.set('jupyter', Object.keys(others).length > 0 ? others : undefined);
  } else if (key === 'jupyter' && current['collapsed'] !== undefined) {
    plan.set('collapsed', undefined);
  }
  return withoutTrust(plan);
}

/**
 * Sets the given keys and leaves other keys, as JupyterLab expects from setting all metadata of a
 * cell.
 */
export function planAll(given: Values): Plan {
  const all: Values = { ...given };
  const jupyter = asObject(all['jupyter']);
  if (all['collapsed'] != null) {
    all['jupyter'] = { ...jupyter, outputs_hidden: all['collapsed'] };
  } else if (jupyter['outputs_hidden'] != null) {
    all['collapsed'] = jupyter['outputs_hidden'];
  }
  return withoutTrust(new Map(present(all)));
}

/** Returns entries that turn a cell's metadata from `current` into exactly the given metadata. */
export function planWhole(current: Values, given: Values): Plan {
  return new Map([...removals(current, given), ...planAll(given)]);
}

/**
 * Returns entries that turn a notebook's metadata into exactly the given metadata; none of its keys
 * has a special meaning.
 */
export function planNotebook(current: Values, given: Values): Plan {
  return new Map([...removals(current, given), ...present(given)]);
}

function removals(current: Values, given: Values): [string, undefined][] {
  const gone = Object.keys(current).filter(key => own(given, key) === undefined);
  return gone.map(key => [key, undefined]);
}

function present(given: Values): [string, unknown][] {
  return Object.entries(given).filter(([, value]) => value !== undefined);
}

function withoutTrust(plan: Plan): Plan {
  plan.delete(TRUSTED);
  return plan;
}

export function without(values: Values, key: string): Values {
  return Object.fromEntries(Object.entries(values).filter(([other]) => other !== key));
}

function asObject(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Values)
    : {};
}

/**
 * The entries that JupyterLab adds to a notebook just before it writes. They have no content, and
 * would change an unedited file.
 */
export function isEmptyStandIn(key: string, value: unknown): boolean {
  if (key !== 'kernelspec' && key !== 'language_info') {
    return false;
  }
  return Object.values(asObject(value)).every(part => part === '');
}

export function sameJson(a: unknown, b: unknown): boolean {
  return a === undefined || b === undefined
    ? a === b
    : JSONExt.deepEqual(a as PartialJSONValue, b as PartialJSONValue);
}

export interface MetadataEvents {
  changes: MapChanges;
  each: IMapChange[];
}

/** Returns JupyterLab's event for keys that may differ; null if there are none. */
export function metadataEvents(
  keys: Iterable<string>,
  before: JsonMap,
  after: JsonMap
): MetadataEvents | null {
  const changes: MapChanges = new Map();
  const each: IMapChange[] = [];
  for (const key of keys) {
    const oldValue = parseEntry(before, key);
    const newValue = parseEntry(after, key);
    if (sameJson(oldValue, newValue)) {
      continue;
    }
    if (oldValue === undefined) {
      changes.set(key, { action: 'add', oldValue });
      each.push({ key, type: 'add', newValue });
    } else if (newValue === undefined) {
      changes.set(key, { action: 'delete', oldValue });
      each.push({ key, type: 'remove', oldValue });
    } else {
      changes.set(key, { action: 'update', oldValue });
      each.push({ key, type: 'change', oldValue, newValue });
    }
  }
  return each.length > 0 ? { changes, each } : null;
}

export function parseEntry(map: JsonMap, key: string): PartialJSONValue | undefined {
  const text = own(map, key);
  return text === undefined ? undefined : (parseJson(text) as PartialJSONValue | undefined);
}
