/** Keys that are the input method's, and none of ours. */

/** What a browser gives as the code of a key that an input method takes. */
const TAKEN = 229;

/**
 * Whether a key belongs to an input method: it ends a composition, or chooses in its list.
 *
 * Safari ends the composition before it tells of the key, and shows that by the code alone.
 */
export function isComposing(event: Pick<KeyboardEvent, 'isComposing' | 'keyCode'>): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else tells it in Safari
  return event.isComposing || event.keyCode === TAKEN;
}
