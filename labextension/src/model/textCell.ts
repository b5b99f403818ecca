/** Cells without outputs: markdown and raw, with their attachments. */
import type { CellChange, ISharedMarkdownCell, ISharedRawCell } from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import type { CellEdit } from '../document/patches';
import type { CellNode } from '../document/schema';
import { readJsonMap } from '../document/schema';
import { RoomCell } from './cell';
import { sameJson } from './metadata';

abstract class RoomTextCell extends RoomCell {
  get attachments(): nbformat.IAttachments | undefined {
    return this.getAttachments();
  }
  set attachments(value: nbformat.IAttachments | undefined) {
    this.setAttachments(value);
  }

  getAttachments(): nbformat.IAttachments | undefined {
    return attachmentsOf(this.node);
  }

  setAttachments(value: nbformat.IAttachments | undefined): void {
    if (!sameJson(this.getAttachments() ?? {}, value ?? {})) {
      this.write(tx => {
        tx.setAttachments(this._id, value ?? {});
      }, false);
    }
  }

  protected override describe(
    edit: CellEdit,
    before: CellNode,
    after: CellNode,
    change: CellChange
  ): void {
    if (edit.attachments.size > 0) {
      const [oldValue, newValue] = [attachmentsOf(before), attachmentsOf(after)];
      change.attachmentsChange = {
        ...(oldValue === undefined ? {} : { oldValue }),
        ...(newValue === undefined ? {} : { newValue })
      };
    }
  }

  protected override noteTrust(): void {
    // Trust concerns outputs, which only code cells have.
  }

  protected withAttachments<T extends object>(cell: T): T {
    const attachments = this.getAttachments();
    return attachments === undefined ? cell : { ...cell, attachments };
  }
}

export class RoomMarkdownCell extends RoomTextCell implements ISharedMarkdownCell {
  readonly cell_type = 'markdown';

  override toJSON(): nbformat.IMarkdownCell & { id: string } {
    return this.withAttachments({ ...super.toJSON(), cell_type: this.cell_type });
  }
}

export class RoomRawCell extends RoomTextCell implements ISharedRawCell {
  readonly cell_type = 'raw';

  override toJSON(): nbformat.IRawCell & { id: string } {
    return this.withAttachments({ ...super.toJSON(), cell_type: this.cell_type });
  }
}

function attachmentsOf(node: CellNode | undefined): nbformat.IAttachments | undefined {
  const bundles = readJsonMap(node?.attachments);
  return Object.keys(bundles).length > 0 ? (bundles as nbformat.IAttachments) : undefined;
}
