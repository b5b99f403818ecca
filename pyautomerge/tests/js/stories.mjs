/** The stories that the vectors tell, as JavaScript tells them. `write_vectors.py` is its twin. */
import * as A from "@automerge/automerge";

const ANA = "0a".repeat(16);
const BEN = "0b".repeat(16);
const EVE = "0e".repeat(16);
const str = (text) => new A.ImmutableString(text);
const at = { time: 0 };

function emoji() {
  let doc = A.init({ actor: ANA });
  doc = A.change(doc, at, (d) => {
    d.text = "a😀b";
    d.combined = "e\u0301 n\u0303 👨‍👩‍👧‍👦 🇨🇭";
    d.scalar = str("𝒳 is not text");
    d["🔑"] = "a key";
  });
  doc = A.change(doc, at, (d) => A.splice(d, ["text"], 3, 0, "𝄞"));
  doc = A.change(doc, at, (d) => A.splice(d, ["text"], 1, 2, "é"));
  doc = A.change(doc, at, (d) => A.updateText(d, ["combined"], "e\u0301 ñ 👨‍👩‍👧 🇨🇭!"));
  return doc;
}

function nested() {
  let doc = A.init({ actor: ANA });
  doc = A.change(doc, { time: 1_700_000_000, message: "all kinds" }, (d) => {
    d.map = { list: [{ deep: [[], {}, [str("x")]] }], empty: {} };
    d.scalars = [null, true, false, 1, -1, 2 ** 40, 0.5, str(""), new Date(1_700_000_000_123)];
    d.bytes = new Uint8Array([0, 1, 254, 255]);
    d.uint = new A.Uint(7);
    d.counter = new A.Counter(10);
  });
  return A.change(doc, at, (d) => {
    d.counter.increment(5);
    d.counter.decrement(1);
    d.map.list[0].deep[2].push("text in a list");
  });
}

function deletions() {
  let doc = A.init({ actor: ANA });
  doc = A.change(doc, at, (d) => {
    d.text = "to be or not to be";
    d.list = [1, 2, 3, 4, 5].map((n) => ({ n }));
    d.gone = { with: "content" };
    d.again = str("first");
  });
  doc = A.change(doc, at, (d) => {
    A.splice(d, ["text"], 5, 13);
    d.list.splice(1, 3);
    delete d.gone;
    delete d.again;
  });
  return A.change(doc, at, (d) => {
    d.again = str("second");
    A.splice(d, ["text"], 0, 2, "");
  });
}

function threeWays() {
  let ana = A.init({ actor: ANA });
  ana = A.change(ana, at, (d) => {
    d.text = "The fox";
    d.list = [str("a"), str("b")];
    d.key = str("nobody");
    d.count = new A.Counter(0);
  });
  let ben = A.clone(ana, { actor: BEN });
  let eve = A.clone(ana, { actor: EVE });
  ana = A.change(ana, at, (d) => {
    A.splice(d, ["text"], 4, 0, "quick ");
    d.list.push(str("ana"));
    d.key = str("ana");
    d.count.increment(1);
  });
  ben = A.change(ben, at, (d) => {
    A.splice(d, ["text"], 4, 3, "🦊");
    d.list.unshift(str("ben"));
    d.key = str("ben");
    d.count.increment(10);
  });
  ben = A.change(ben, at, (d) => A.splice(d, ["text"], 0, 3, "A"));
  eve = A.change(eve, at, (d) => {
    A.splice(d, ["text"], 7, 0, " jumps");
    d.list.splice(0, 1);
    delete d.key;
    d.count.increment(100);
  });
  return A.merge(A.merge(ana, ben), eve);
}

export const stories = { emoji, nested, deletions, "three ways": threeWays };

/** Two who have parted, and all that they say to each other until they agree. */
export function conversation() {
  let here = threeWays();
  let there = A.clone(here, { actor: BEN + "01" });
  here = A.change(here, at, (d) => A.splice(d, ["text"], 0, 0, "(1) 😀 "));
  for (let i = 0; i < 12; i++) there = A.change(there, at, (d) => d.list.push({ i }));
  const record = { a: A.save(here), b: A.save(there), messages: [] };
  let [a, b] = [A.initSyncState(), A.initSyncState()];
  for (;;) {
    let out, back;
    [a, out] = A.generateSyncMessage(here, a);
    if (out) {
      record.messages.push(["a", out]);
      [there, b] = A.receiveSyncMessage(there, b, out);
    }
    [b, back] = A.generateSyncMessage(there, b);
    if (back) {
      record.messages.push(["b", back]);
      [here, a] = A.receiveSyncMessage(here, a, back);
    }
    if (!out && !back) return { ...record, heads: A.getHeads(here).sort() };
  }
}
