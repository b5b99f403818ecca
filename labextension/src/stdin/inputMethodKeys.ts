/** Keys that belong to the input method. */

/** The code that a browser gives to a key of an input method. */
const TAKEN = 229;

/**
 * Whether a key belongs to an input method: it ends a composition, or chooses in its list.
 *
 * Safari ends the composition before the event of the key, and shows that by the code alone.
 */
export function isComposing(event: Pick<KeyboardEvent, 'isComposing' | 'keyCode'>): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else tells it in Safari
  return event.isComposing || event.keyCode === TAKEN;
}
