/** What a document holds, in a form that both languages write alike and compare. */
import * as A from "@automerge/automerge";

export function tree(value) {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return { text: value };
  if (A.isImmutableString(value)) return { str: value.toString() };
  if (typeof value === "number" || typeof value === "bigint") return { number: Number(value) };
  if (A.isCounter(value)) return { counter: value.value };
  if (value instanceof Date) return { time: value.getTime() };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return { list: value.map(tree) };
  const entries = Object.keys(value).sort().map((key) => [key, tree(value[key])]);
  return { map: Object.fromEntries(entries) };
}

export const encode = (bytes) => Buffer.from(bytes).toString("base64");
export const decode = (text) => new Uint8Array(Buffer.from(text, "base64"));
