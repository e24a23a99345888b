/** Rows of messages in the text format of COPY, the columns in the order of bench/sql/copy-messages.sql. */
import type { Message } from '../../../src/actors/protocol/message.js';

const special = /[\\\b\f\n\r\t\v]/;
const specials = /[\\\b\f\n\r\t\v]/g;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function text(value: string | null): string {
  if (value === null) return '\\N';
  return special.test(value) ? value.replace(specials, (found) => escapes[found] ?? found) : value;
}

function time(ms: number | null): string {
  return ms === null ? '\\N' : new Date(ms).toISOString();
}

export function copyText(messages: readonly Message[]): string {
  let rows = '';
  for (const m of messages)
    rows +=
      `${text(m.key)}\t${m.seq}\t${m.id}\t${m.version}\t${text(m.senderId)}\t${text(m.senderName)}` +
      `\t${text(m.senderDisplayName)}\t${text(m.receiverId)}\t${text(m.content)}\t${text(m.messageType)}` +
      `\t${text(m.clientMsgId)}\t${text(m.replyTo)}\t${text(m.metadata)}` +
      `\t${time(m.createdAt)}\t${time(m.editedAt)}\t${time(m.deletedAt)}\n`;
  return rows;
}
