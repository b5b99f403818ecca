/**
 * The way from one list of cells to another, in the steps that JupyterLab's lists know: each step
 * leaves a list that exists.
 *
 * Pure. Cells that stay are moved first, then cells are inserted and removed, then cells get a new
 * wrapper where they stand.
 */
import { longestKept, reconcile } from './reconcile';

export type ListStep =
  | { kind: 'move'; from: number; to: number }
  | { kind: 'insert'; at: number; ids: string[] }
  | { kind: 'remove'; at: number; count: number }
  | { kind: 'replace'; at: number };

/**
 * Returns stages from `before` to `after`; the remaining ids in `replaced` get a new wrapper at the
 * end.
 */
export function listSteps(
  before: readonly string[],
  after: readonly string[],
  replaced: ReadonlySet<string>
): ListStep[] {
  const { moves, list } = movesOf(before, after);
  const stages: ListStep[] = moves;
  let at = 0;
  for (const { kind, ids } of reconcile(list, after, new Set())) {
    if (kind === 'insert') {
      stages.push({ kind, at, ids });
    } else if (kind === 'delete') {
      stages.push({ kind: 'remove', at, count: ids.length });
    }
    at += kind === 'delete' ? 0 : ids.length;
  }
  const there = new Set(before);
  after.forEach((id, index) => {
    if (replaced.has(id) && there.has(id)) {
      stages.push({ kind: 'replace', at: index });
    }
  });
  return stages;
}

/**
 * Returns the fewest moves that put the remaining cells into their new order, and the list after
 * them.
 */
function movesOf(
  before: readonly string[],
  after: readonly string[]
): { moves: ListStep[]; list: string[] } {
  const there = new Set(before);
  const order = after.filter(id => there.has(id));
  const kept = new Set(longestKept(before, after, new Set()));
  const list = [...before];
  const moves: ListStep[] = [];
  order.forEach((id, i) => {
    if (!kept.has(id)) {
      const from = list.indexOf(id);
      list.splice(from, 1);
      const previous = order[i - 1];
      const to = previous === undefined ? 0 : list.indexOf(previous) + 1;
      list.splice(to, 0, id);
      moves.push({ kind: 'move', from, to });
    }
  });
  return { moves, list };
}
