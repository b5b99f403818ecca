import { beforeAll, describe, expect, it } from 'vitest';

import { startWasm } from '../document/setup';
import type { Conversation, Played } from './conversations';
import { play } from './conversations';
import { HAS_VECTORS, read, report } from './read';

/** A client before its first step. */
const BLANK = { phase: 'connecting', role: 'viewer', pending: 0, notebook: null };
/** Results that belong to one step alone. */
const NOTHING = { events: [], sent: [], stored: [], reconnect: [] };

describe.runIf(HAS_VECTORS)('conversation vectors', () => {
  const all = HAS_VECTORS
    ? (read('conversations.json') as { conversations: Conversation[] }).conversations
    : [];
  const named = new Map(all.map(conversation => [conversation.name, conversation]));
  const ours = all.filter(({ only }) => only !== 'python');

  beforeAll(async () => {
    await startWasm();
    report('OBSERVED_CONVERSATIONS', () =>
      Object.fromEntries(ours.map(one => [one.name, play(one, stepsBefore(one))]))
    );
  });

  function stepsBefore({ after }: Conversation): Played[] {
    const former = after === undefined ? undefined : named.get(after);
    return former === undefined ? [] : [...stepsBefore(former), ...former.steps];
  }

  for (const conversation of ours) {
    it(conversation.name, () => {
      const begin = stepsBefore(conversation);
      const observed = play(conversation, begin);
      let state: object = BLANK;
      [...begin, ...conversation.steps].forEach(({ then = {} }, at) => {
        const sides = { python: undefined, typescript: undefined };
        state = { ...state, ...NOTHING, ...then, ...then.typescript, ...sides };
        expect(observed[at], `step ${at - begin.length + 1}`).toEqual(state);
      });
    });
  }
});
