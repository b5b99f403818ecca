/** The mark on transactions that come from a cell, so that they are not sent back to it. */
import { Annotation } from '@codemirror/state';

/** Its value is the binding that brought the change into its editor. */
export const fromCell = Annotation.define<object>();
