/** What operators and their probes ask: no token, no rate, nothing in it that is not theirs to see. */
import { Hono } from 'hono';
import { within } from '../../edge/deadline.js';
import type { Rooms } from '../../runtime/rooms.js';
import type { AppEnv } from '../context.js';
import type { Health } from '../health.js';

/** The metrics of all threads as text. */
export type Metrics = () => Promise<{ readonly contentType: string; readonly body: string }>;

/** A worker that does not answer must not hold a scrape. */
const metricsTimeoutMs = 5_000;

export function operationRoutes(health: Health, metrics: Metrics, rooms: Pick<Rooms, 'accepting'>): Hono<AppEnv> {
  const routes = new Hono<AppEnv>({ strict: false });

  routes.get('/health', async (c) => {
    const report = await health.report();
    return c.json(report, report.status === 'DOWN' ? 503 : 200);
  });

  /** An answer at all is the answer. */
  routes.get('/live', (c) => c.json({ status: 'UP' }));

  routes.get('/ready', async (c) => {
    if (health.phase !== 'serving') return c.json({ status: 'NOT_READY', reason: health.phase }, 503);
    if (!rooms.accepting) return c.json({ status: 'NOT_READY', reason: 'rooms' }, 503);
    const { status, checks } = await health.report();
    if (status !== 'DOWN') return c.json({ status: 'READY' });
    const failing = Object.keys(checks).filter((name) => checks[name]?.status === 'DOWN');
    return c.json({ status: 'NOT_READY', reason: failing.join(', ') }, 503);
  });

  routes.get('/metrics', async (c) => {
    const { contentType, body } = await within(metrics(), metricsTimeoutMs);
    return c.body(body, 200, { 'Content-Type': contentType });
  });

  return routes;
}
