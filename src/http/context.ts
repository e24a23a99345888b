/** What middleware leaves in a request's context for those behind it. */
import type { RequestIdVariables } from 'hono/request-id';
import type { RejectionCode } from '../actors/rejections.js';
import type { Identity } from '../edge/port.js';

export interface AppEnv {
  /** `refusal` is set once the request was refused. */
  Variables: RequestIdVariables & { caller: Identity; refusal?: RejectionCode };
}
