/** What the edge counts: plain numbers, since some change with every packet. Whoever exports them reads them when asked. */
import type { RejectionCode } from '../actors/rejections.js';

export interface EdgeMetrics {
  /** Events answered with success, whether the client asked for an acknowledgement or not. */
  acks: number;
  /** Refusals by code; the codes are a closed table, so this does not grow. */
  readonly refusals: Map<RejectionCode, number>;
  /** Sockets connected now, authenticated or not. */
  sockets: number;
  /** Ephemeral broadcasts left out for sockets that read slowly. */
  shedBroadcasts: number;
  /** Sockets closed because they did not read. */
  slowCloses: number;
  /** Connections refused before the handshake: too many, or draining. */
  refusedConnections: number;
  /** Rooms whose stream of versions had a hole that was announced. */
  gaps: number;
}

export function createEdgeMetrics(): EdgeMetrics {
  return { acks: 0, refusals: new Map(), sockets: 0, shedBroadcasts: 0, slowCloses: 0, refusedConnections: 0, gaps: 0 };
}

export function countRefusal(metrics: EdgeMetrics, code: RejectionCode): void {
  metrics.refusals.set(code, (metrics.refusals.get(code) ?? 0) + 1);
}
