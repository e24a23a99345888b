/** The load client's process: gets one plan from the harness, runs it, reports, and ends. */
import { runClosedLoop } from './closed-loop.js';
import { runIdle } from './idle.js';
import { runOpenLoop } from './open-loop.js';
import type { LoadPlan, LoadReport, Outcomes } from './plan.js';
import { runReceipts } from './receipts.js';
import { runReconnect } from './reconnect.js';
import { runSpread } from './spread.js';
import { runTouch } from './touch.js';

function report(message: LoadReport): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error('the load client is started by the bench, not by hand');
    process.send(message, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function run(plan: LoadPlan, onWindow: (edge: 'start' | 'end') => void): Promise<Outcomes[LoadPlan['kind']]> {
  switch (plan.kind) {
    case 'closed-loop':
      return runClosedLoop(plan, onWindow);
    case 'open-loop':
      return runOpenLoop(plan, onWindow);
    case 'touch':
      return runTouch(plan, onWindow);
    case 'spread':
      return runSpread(plan, onWindow);
    case 'receipts':
      return runReceipts(plan, onWindow);
    case 'reconnect':
      return runReconnect(plan, onWindow);
    case 'idle':
      return runIdle(plan, onWindow);
  }
}

process.once('message', (plan: LoadPlan) => {
  const onWindow = (edge: 'start' | 'end') => void report({ type: 'window', edge });
  run(plan, onWindow).then(
    async (result) => {
      await report({ type: 'result', result });
      process.disconnect();
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
