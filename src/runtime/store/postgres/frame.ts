/** The parameters of append_frame: a frame's parts turned into columns, one array literal each. */
import type { Append } from '../port.js';
import { plainArray, sparsePlainArray, sparseTextArray, textArray } from './arrays.js';

/**
 * The values of `sql/queries/outbox_append.sql`, in its order: those of a frame, its integration events and removals. Ids of
 * receipts are JSON text.
 */
export function outboxValues(append: Append): string[] {
  const { outbox = [], removals = [] } = append;
  return [
    ...frameValues(append),

    plainArray(outbox.map(({ partition }) => partition)),
    textArray(outbox.map(({ key }) => key)),
    textArray(outbox.map(({ kind }) => kind)),
    plainArray(outbox.map(({ from }) => from)),
    plainArray(outbox.map(({ to }) => to)),
    plainArray(outbox.map(({ version }) => version)),
    textArray(outbox.map(({ userId }) => userId)),
    textArray(outbox.map(({ messageIds }) => (messageIds === null ? null : JSON.stringify(messageIds)))),

    textArray(removals.map(({ key }) => key)),
    plainArray(removals.map(({ version }) => version)),
    textArray(removals.map(({ id }) => id)),
    textArray(removals.map(({ userId }) => userId)),
  ];
}

/** The values of `sql/queries/append_frame.sql`, in its order. */
export function frameValues({ fences, rooms, created, changed, receipts }: Append): string[] {
  return [
    plainArray(fences.map(({ partition }) => partition)),
    plainArray(fences.map(({ epoch }) => epoch)),

    textArray(rooms.map(({ key }) => key)),
    plainArray(rooms.map(({ fromSeq }) => fromSeq)),
    plainArray(rooms.map(({ fromVersion }) => fromVersion)),
    plainArray(rooms.map(({ toSeq }) => toSeq)),
    plainArray(rooms.map(({ toVersion }) => toVersion)),

    textArray(created.map(({ key }) => key)),
    plainArray(created.map(({ seq }) => seq)),
    textArray(created.map(({ id }) => id)),
    plainArray(created.map(({ version }) => version)),
    textArray(created.map(({ senderId }) => senderId)),
    textArray(created.map(({ senderName }) => senderName)),
    sparseTextArray(created.map(({ senderDisplayName }) => senderDisplayName)),
    sparseTextArray(created.map(({ receiverId }) => receiverId)),
    textArray(created.map(({ content }) => content)),
    textArray(created.map(({ messageType }) => messageType)),
    sparseTextArray(created.map(({ clientMsgId }) => clientMsgId)),
    sparseTextArray(created.map(({ replyTo }) => replyTo)),
    sparseTextArray(created.map(({ metadata }) => metadata)),
    plainArray(created.map(({ createdAt }) => createdAt)),
    sparsePlainArray(created.map(({ editedAt }) => editedAt)),
    sparsePlainArray(created.map(({ deletedAt }) => deletedAt)),

    textArray(changed.map(({ key }) => key)),
    plainArray(changed.map(({ seq }) => seq)),
    textArray(changed.map(({ id }) => id)),
    plainArray(changed.map(({ version }) => version)),
    textArray(changed.map(({ content }) => content)),
    textArray(changed.map(({ metadata }) => metadata)),
    plainArray(changed.map(({ editedAt }) => editedAt)),
    plainArray(changed.map(({ deletedAt }) => deletedAt)),

    textArray(receipts.map(({ key }) => key)),
    textArray(receipts.map(({ userId }) => userId)),
    plainArray(receipts.map(({ delivered }) => delivered)),
    plainArray(receipts.map(({ read }) => read)),
  ];
}
