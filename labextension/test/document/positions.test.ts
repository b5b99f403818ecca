import { describe, expect, it } from 'vitest';
import { between, isPosition, LONGEST, spread } from '../../src/document/fractionalIndex';
import { dice } from './setup';

describe('positions', () => {
  it('have room for another position between any two', () => {
    const roll = dice(7);
    const places = ['V'];
    for (let i = 0; i < 2000; i++) {
      const at = roll(places.length + 1);
      const low = places[at - 1] ?? '';
      const high = places[at] ?? null;
      const made = between(low, high);
      expect(isPosition(made)).toBe(true);
      expect(low < made && (high === null || made < high)).toBe(true);
      places.splice(at, 0, made);
    }
    expect([...places].sort()).toEqual(places);
  });

  it('of ten thousand cells at one place have at most five characters', () => {
    const places = spread('V', 'W', 10_000);
    expect(new Set(places).size).toBe(10_000);
    expect([...places].sort()).toEqual(places);
    expect(places.every(place => isPosition(place) && 'V' < place && place < 'W')).toBe(true);
    expect(Math.max(...places.map(place => place.length))).toBeLessThanOrEqual(5);
  });

  it('grow by at most one character per five insertions at the start', () => {
    let high = 'V';
    for (let i = 0; i < 60; i++) {
      high = between('', high);
    }
    expect(high.length).toBeLessThanOrEqual(60 / 5 + 1);
  });

  it('stay short after ten thousand insertions at the end', () => {
    let last = '';
    for (let i = 0; i < 10_000; i++) {
      last = between(last, null);
    }
    expect(last.length).toBeLessThanOrEqual(LONGEST / 4);
  });

  it('cannot be made between two equal positions', () => {
    expect(() => between('V', 'V')).toThrow(RangeError);
    expect(() => spread('V', 'V', 3)).toThrow(RangeError);
  });
});
