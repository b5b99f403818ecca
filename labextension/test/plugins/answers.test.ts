import { expect, test } from 'vitest';

import { AnswerHistory } from '../../src/stdin/answerHistory';

function answered(...lines: string[]): AnswerHistory {
  const answers = new AnswerHistory();
  lines.forEach(line => {
    answers.add(line);
  });
  return answers;
}

test('the up key steps back through the answers, and the down key returns to the draft', () => {
  const look = answered('one', 'two').look();
  expect(look.step(true, 'dra')).toBe('two');
  expect(look.step(true, 'two')).toBe('one');
  expect(look.step(true, 'one')).toBeNull();
  expect(look.step(false, 'one')).toBe('two');
  expect(look.step(false, 'two')).toBe('dra');
  expect(look.step(false, 'dra')).toBeNull();
});

test('a search of the answers continues with the text of its first step', () => {
  const look = answered('print a', 'next', 'print b').look();
  expect(look.search(true, 'print')).toBe('print b');
  expect(look.search(true, 'print b')).toBe('print a');
  expect(look.search(true, 'print a')).toBeNull();
  expect(look.search(false, 'print a')).toBe('print b');
  expect(look.search(true, 'next')).toBe('next');
});

test('an empty answer history has no entry for a step or a search', () => {
  const look = new AnswerHistory().look();
  expect([look.step(true, 'x'), look.step(false, 'x'), look.search(true, 'x')]).toEqual([
    null,
    null,
    null
  ]);
});
