/**
 * Fractional indices: strings that order cells, with room for one more between any two.
 *
 * A position is a non-empty string over `DIGITS` that does not end in the lowest digit. Positions
 * compare by code unit, so Python and JavaScript agree. `''` stands for "before all" and null for
 * "after all".
 */
export const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A position longer than this asks for `spread` over the cells around it. */
export const LONGEST = 24;

const BASE = DIGITS.length;
const BIG = BigInt(BASE);
const END_WIDTH = 3;

export function isPosition(text: string): boolean {
  return text !== '' && !text.endsWith(digit(0)) && Array.from(text).every(c => DIGITS.includes(c));
}

/** Returns a position strictly between two: a short step at an open end, otherwise the middle. */
export function between(low: string, high: string | null): string {
  if (high !== null) {
    return middle(low, high);
  }
  return low === '' ? digit(BASE >> 1) : stepUp(low);
}

/** Returns `count` positions strictly between two, evenly apart and as short as possible. */
export function spread(low: string, high: string | null, count: number): string[] {
  if (count <= 1) {
    return count === 1 ? [between(low, high)] : [];
  }
  if (high !== null && low >= high) {
    throw new RangeError(`no position between '${low}' and '${high}'`);
  }
  let width = 1;
  while (number(high, width) - number(low, width) <= BigInt(count + 1)) {
    width++;
  }
  const start = number(low, width);
  const gap = number(high, width) - start;
  return Array.from({ length: count }, (_, i) => {
    const made = digits(start + (gap * BigInt(i + 1)) / BigInt(count + 1), width);
    // A position that ends in the lowest digit would leave no room below it.
    return made.endsWith(digit(0)) ? made + digit(BASE >> 1) : made;
  });
}

function middle(low: string, high: string): string {
  let prefix = '';
  let bounded = true;
  for (let place = 0; place < low.length + high.length + 2; place++) {
    const lo = value(low, place);
    const hi: number = bounded ? value(high, place) : BASE;
    if (hi - lo > 1) {
      return prefix + digit((lo + hi) >> 1);
    }
    prefix += digit(lo);
    bounded = bounded && hi === lo;
  }
  throw new RangeError(`no position between '${low}' and '${high}'`);
}

function stepUp(low: string): string {
  let width = END_WIDTH;
  while (number(low, width) + 1n >= BIG ** BigInt(width)) {
    width++;
  }
  return digits(number(low, width) + 1n, width).replace(/0+$/, '');
}

function digit(at: number): string {
  return DIGITS.charAt(at);
}

function value(text: string, place: number): number {
  return place < text.length ? DIGITS.indexOf(text.charAt(place)) : 0;
}

function number(position: string | null, width: number): bigint {
  if (position === null) {
    return BIG ** BigInt(width);
  }
  let result = 0n;
  for (let place = 0; place < width; place++) {
    result = result * BIG + BigInt(value(position, place));
  }
  return result;
}

function digits(of: bigint, width: number): string {
  let text = '';
  for (let rest = of, place = 0; place < width; place++, rest /= BIG) {
    text = digit(Number(rest % BIG)) + text;
  }
  return text;
}
