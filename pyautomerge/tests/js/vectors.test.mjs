import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as A from "@automerge/automerge";
import { decode, tree } from "./tree.mjs";

for (const author of ["python", "javascript"]) {
  const path = new URL(`../vectors/from-${author}.json`, import.meta.url);
  const { documents, conversation } = JSON.parse(readFileSync(path, "utf8"));

  for (const vector of documents) {
    test(`${author}'s document "${vector.name}" reads the same here`, () => {
      const doc = A.load(decode(vector.document));
      assert.deepEqual(tree(doc), vector.tree);
      assert.deepEqual(A.getHeads(doc).sort(), vector.heads);
    });

    test(`${author}'s changes of "${vector.name}" make the same document, in any order`, () => {
      for (const changes of [vector.changes, vector.changes.toReversed()]) {
        const [doc] = A.applyChanges(A.init(), changes.map(decode));
        assert.deepEqual(tree(doc), vector.tree);
        assert.deepEqual(A.getHeads(doc).sort(), vector.heads);
      }
    });
  }

  for (const role of ["a", "b"]) {
    test(`${author}'s conversation can be held again as "${role}"`, () => {
      let doc = A.load(decode(conversation[role]));
      let state = A.initSyncState();
      for (const [from, text] of conversation.messages) {
        if (from === role) {
          let own;
          [state, own] = A.generateSyncMessage(doc, state);
          assert.ok(own, "there is something to say whenever something was said");
        } else {
          [doc, state] = A.receiveSyncMessage(doc, state, decode(text));
        }
      }
      assert.deepEqual(A.getHeads(doc).sort(), conversation.heads);
    });
  }
}

test("both languages tell every story to the same end", () => {
  const [python, javascript] = ["python", "javascript"].map((author) => {
    const path = new URL(`../vectors/from-${author}.json`, import.meta.url);
    return JSON.parse(readFileSync(path, "utf8")).documents;
  });
  for (const vector of python) {
    const twin = javascript.find(({ name }) => name === vector.name);
    assert.deepEqual(vector.tree, twin.tree);
  }
});
