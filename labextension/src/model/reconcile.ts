/**
 * From the list of cells of a view to the list of the document.
 *
 * Pure. As few cells as possible move. At the same place insertions stand before deletions, because
 * the notebook's choice of its active cell depends on it.
 */
export interface Step {
  kind: 'retain' | 'insert' | 'delete';
  /** Ids, in order. */
  ids: string[];
}

/** Steps from `before` to `after`; ids in `renewed` are deleted and inserted even if they could stay. */
export function reconcile(
  before: readonly string[],
  after: readonly string[],
  renewed: ReadonlySet<string>
): Step[] {
  const keep = longestKept(before, after, renewed);
  const steps: Step[] = [];
  let from = 0;
  let to = 0;
  for (const id of [...keep, null]) {
    const inserted = takeUntil(after, to, id);
    const deleted = takeUntil(before, from, id);
    to += inserted.length + 1;
    from += deleted.length + 1;
    add(steps, 'insert', inserted);
    add(steps, 'delete', deleted);
    add(steps, 'retain', id === null ? [] : [id]);
  }
  return steps.at(-1)?.kind === 'retain' ? steps.slice(0, -1) : steps;
}

function takeUntil(list: readonly string[], from: number, end: string | null): string[] {
  const at = end === null ? list.length : list.indexOf(end, from);
  return list.slice(from, at);
}

function add(steps: Step[], kind: Step['kind'], ids: string[]): void {
  const last = steps.at(-1);
  if (ids.length === 0) {
    return;
  }
  if (last?.kind === kind) {
    last.ids.push(...ids);
  } else {
    steps.push({ kind, ids });
  }
}

/** The longest common subsequence of two lists of unique ids: a longest increasing run of places. */
export function longestKept(
  before: readonly string[],
  after: readonly string[],
  renewed: ReadonlySet<string>
): string[] {
  const place = new Map(after.map((id, i) => [id, i]));
  const tails: number[] = [];
  const tailIds: string[] = [];
  const previous = new Map<string, string | undefined>();
  for (const id of before) {
    const at = place.get(id);
    if (at === undefined || renewed.has(id)) {
      continue;
    }
    const slot = lowerBound(tails, at);
    previous.set(id, slot > 0 ? tailIds[slot - 1] : undefined);
    tails[slot] = at;
    tailIds[slot] = id;
  }
  const kept: string[] = [];
  for (let id = tailIds.at(-1); id !== undefined; id = previous.get(id)) {
    kept.push(id);
  }
  return kept.reverse();
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
