/**
 * Orders the child elements of a parent without moving the one that has the focus: a browser
 * removes the focus from an element that is moved, and ends the composition of an input method in
 * it.
 */
import { longestKept } from '../model/reconcile';

/** Orders those children of `parent` that are in `wanted`; `fixed` stays where it is. */
export function orderElements(
  parent: HTMLElement,
  wanted: readonly HTMLElement[],
  fixed: HTMLElement | null
): void {
  const place = new Map(wanted.map((element, i) => [element, String(i)]));
  const now = [...parent.children].flatMap(child => place.get(child as HTMLElement) ?? []);
  const then = wanted.flatMap(element => {
    const key = place.get(element);
    return element.parentElement === parent && key !== undefined ? [key] : [];
  });
  const kept = new Set(keptBeside(now, then, fixed === null ? undefined : place.get(fixed)));
  let next: Element | null = null;
  for (const key of [...then].reverse()) {
    const element = wanted[Number(key)];
    if (element === undefined) {
      continue;
    }
    if (!kept.has(key)) {
      insertBefore(parent, element, next ?? after(parent, then, wanted));
    }
    next = element;
  }
}

/** Returns the elements that can stay: as many as possible, and in any case `fixed`. */
function keptBeside(
  now: readonly string[],
  then: readonly string[],
  fixed: string | undefined
): string[] {
  if (fixed === undefined || !now.includes(fixed)) {
    return longestKept(now, then, new Set());
  }
  const [wasAbove, wasBelow] = [
    now.slice(0, now.indexOf(fixed)),
    now.slice(now.indexOf(fixed) + 1)
  ];
  const [isAbove, isBelow] = [
    then.slice(0, then.indexOf(fixed)),
    then.slice(then.indexOf(fixed) + 1)
  ];
  return [
    ...longestKept(wasAbove, isAbove, new Set()),
    fixed,
    ...longestKept(wasBelow, isBelow, new Set())
  ];
}

/** Returns the first element behind all ordered ones that needs no order itself. */
function after(
  parent: HTMLElement,
  then: readonly string[],
  wanted: readonly HTMLElement[]
): Element | null {
  const ordered = new Set<Element | undefined>(then.map(key => wanted[Number(key)]));
  let found: Element | null = null;
  for (let child = parent.lastElementChild; child !== null; child = child.previousElementSibling) {
    if (ordered.has(child)) {
      return found;
    }
    found = child;
  }
  return found;
}

interface Mover {
  /**
   * Moves an element; newer browsers do so without taking it out, so frames in it are not loaded
   * again.
   */
  moveBefore?: (node: Element, child: Element | null) => void;
}

function insertBefore(parent: HTMLElement, element: Element, next: Element | null): void {
  const { moveBefore } = parent as Mover;
  if (moveBefore !== undefined && element.isConnected && parent.isConnected) {
    moveBefore.call(parent, element, next);
  } else {
    parent.insertBefore(element, next);
  }
}
