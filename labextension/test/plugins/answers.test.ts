import { expect, test } from 'vitest';

import { AnswerHistory } from '../../src/stdin/answerHistory';

function answered(...lines: string[]): AnswerHistory {
  const answers = new AnswerHistory();
  lines.forEach(line => {
    answers.add(line);
  });
  return answers;
}

test('up goes back through what was answered, and down returns to what was being typed', () => {
  const look = answered('one', 'two').look();
  expect(look.step(true, 'dra')).toBe('two');
  expect(look.step(true, 'two')).toBe('one');
  expect(look.step(true, 'one')).toBeNull();
  expect(look.step(false, 'one')).toBe('two');
  expect(look.step(false, 'two')).toBe('dra');
  expect(look.step(false, 'dra')).toBeNull();
});

test('a search goes on with the text that it began with', () => {
  const look = answered('print a', 'next', 'print b').look();
  expect(look.search(true, 'print')).toBe('print b');
  expect(look.search(true, 'print b')).toBe('print a');
  expect(look.search(true, 'print a')).toBeNull();
  expect(look.search(false, 'print a')).toBe('print b');
  expect(look.search(true, 'next')).toBe('next');
});

test('without answers there is nothing to show', () => {
  const look = new AnswerHistory().look();
  expect([look.step(true, 'x'), look.step(false, 'x'), look.search(true, 'x')]).toEqual([
    null,
    null,
    null
  ]);
});
