/** Writes `../vectors/from-javascript.json`. Run by hand, when a story changes. */
import { writeFileSync } from "node:fs";
import * as A from "@automerge/automerge";
import { conversation, stories } from "./stories.mjs";
import { encode, tree } from "./tree.mjs";

const documents = Object.entries(stories).map(([name, tell]) => {
  const doc = tell();
  return {
    name,
    document: encode(A.save(doc)),
    changes: A.getAllChanges(doc).map(encode),
    heads: A.getHeads(doc).sort(),
    tree: tree(doc),
  };
});
const { a, b, messages, heads } = conversation();
const talk = {
  a: encode(a),
  b: encode(b),
  messages: messages.map(([from, bytes]) => [from, encode(bytes)]),
  heads,
};
const path = new URL("../vectors/from-javascript.json", import.meta.url);
writeFileSync(path, JSON.stringify({ documents, conversation: talk }, null, 1) + "\n");
