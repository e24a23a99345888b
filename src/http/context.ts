/** What middleware leaves in a request's context for those behind it. */
import type { RequestIdVariables } from 'hono/request-id';
import type { Identity } from '../edge/port.js';

export interface AppEnv {
  Variables: RequestIdVariables & { caller: Identity };
}
