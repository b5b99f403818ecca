/** Makes the wrapper of a cell. */
import type { RoomCell } from './cell';
import { RoomCodeCell } from './codeCell';
import type { CellHost } from './host';
import { RoomMarkdownCell, RoomRawCell } from './textCell';

export type AnyRoomCell = RoomCodeCell | RoomMarkdownCell | RoomRawCell;

export function makeCell(notebook: CellHost, id: string, type: RoomCell['cell_type']): AnyRoomCell {
  switch (type) {
    case 'code':
      return new RoomCodeCell(notebook, id);
    case 'markdown':
      return new RoomMarkdownCell(notebook, id);
    case 'raw':
      return new RoomRawCell(notebook, id);
  }
}
