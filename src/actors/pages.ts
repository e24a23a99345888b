/** Pages of the conversation that lie wholly in the ring; of others the room says that they are not at hand. */
import type { PageCommand } from './protocol/commands.js';
import { pageRange } from './protocol/pages.js';
import { firstSeq } from './recent.js';
import { answer, type RoomDecision } from './reply.js';
import type { RoomState } from './state.js';

export function decidePage(state: RoomState, { query }: PageCommand): RoomDecision {
  const { lo, hi } = pageRange(query, state.lastSeq);
  const first = firstSeq(state);
  if (lo > hi) return answer({ kind: 'page', query, messages: [] });
  if (lo < first) return answer({ kind: 'page', query, messages: null });
  return answer({ kind: 'page', query, messages: state.recent.slice(lo - first, hi - first + 1) });
}
