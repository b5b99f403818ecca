/**
 * The plugins of the extension.
 *
 * The plugins import code that needs WebAssembly when they are activated, so that the binding of
 * editors works even if the WebAssembly does not load.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { refusedEdits } from './plugins/refusedEdits';
import { editorBinding } from './plugins/editorBinding';
import { contentProvider } from './plugins/contentProvider';
import { accessEnded } from './plugins/accessEnded';
import { cellExecutor } from './plugins/cellExecutor';
import { kernelGone } from './plugins/kernelGone';
import { compatibility } from './plugins/compatibility';
import { headings } from './plugins/headings';
import { kernelNotices } from './plugins/kernelNotices';
import { cellMarks } from './plugins/cellMarks';
import { notifications } from './plugins/notifications';
import { externalChanges } from './plugins/externalChanges';
import { presence } from './plugins/presence';
import { stdin } from './plugins/stdin';
import { kernelAccess } from './plugins/kernelAccess';
import { kernelReconnect } from './plugins/kernelReconnect';
import { largeOutputs } from './plugins/largeOutputs';
import { revert } from './plugins/revert';
import { saveStatus } from './plugins/saveStatus';
import { deletedCellText } from './plugins/deletedCellText';
import { connectionLost } from './plugins/connectionLost';
import { waitingForServer } from './plugins/waitingForServer';
import { widgets } from './plugins/widgets';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  editorBinding,
  compatibility,
  contentProvider,
  cellExecutor,
  saveStatus,
  notifications,
  kernelNotices,
  presence,
  externalChanges,
  refusedEdits,
  kernelAccess,
  stdin,
  largeOutputs,
  cellMarks,
  kernelReconnect,
  revert,
  widgets,
  kernelGone,
  accessEnded,
  headings,
  deletedCellText,
  connectionLost,
  waitingForServer
];

export default plugins;

// For other extensions; `docs/reference/javascript.md` has an example.
export { IRooms, IServerStatus } from './tokens';
export type { OpenRoom } from './tokens';
export type { RoomConnection } from './connection/roomConnection';
export type { RoomNotebook } from './model/notebook';
