/** The child's side of `runProgram`: takes one plan, runs it, sends back what it measured, and ends. */
import type { Measurement } from './child.js';

/**
 * @param run what the process is for; its figures are those that the program's description names
 */
export function program<Plan, Figure extends string>(run: (plan: Plan) => Promise<Measurement<Figure>>): void {
  process.once('message', (plan: Plan) => {
    run(plan).then(
      (result) => {
        process.send?.(result, () => {
          process.disconnect();
        });
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
