/**
 * The JavaScript side of a live sync: one line in, one line out. A line is a message in base64,
 * or empty for "nothing to say". `edit <text>` edits the text in between, `end` reports.
 */
import { createInterface } from "node:readline";
import * as A from "@automerge/automerge";
import { decode, encode, tree } from "./tree.mjs";

let doc = A.load(decode(process.argv[2]), { actor: process.argv[3] });
let state = A.initSyncState();

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "end") {
    console.log(JSON.stringify({ heads: A.getHeads(doc).sort(), tree: tree(doc) }));
    continue;
  }
  if (line.startsWith("edit ")) {
    doc = A.change(doc, { time: 0 }, (d) => A.splice(d, ["text"], 0, 0, line.slice(5)));
  } else if (line) {
    [doc, state] = A.receiveSyncMessage(doc, state, decode(line));
  }
  const [next, message] = A.generateSyncMessage(doc, state);
  state = next;
  console.log(message ? encode(message) : "");
}
