/** A well-behaved pair of clients beside the hostile one: after every attack they must not have noticed a thing. */
import type { ExecutionContext } from 'ava';
import type { ChatClient } from '../harness/client.js';
import { checkStream } from '../harness/laws.js';
import { unique, type Stage } from '../harness/stage.js';

/** What no answer, frame or log line may ever hold. */
export const traces = /\n\s+at |node_modules|node:internal|\.[jt]s:\d+|SyntaxError|TypeError|RangeError/;

export class Witness {
  readonly #stage: Stage;
  readonly #room = unique('witness');
  #pair: [ChatClient, ChatClient] | null = null;
  #pid = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async arrive(): Promise<void> {
    this.#pair = [
      await this.#stage.member(unique('good'), this.#room),
      await this.#stage.member(unique('good'), this.#room),
    ];
    this.#pid = this.#stage.service.pid;
  }

  /** The process is the same, the two still chat on their first connections, and nothing was logged as an error or with a stack. */
  async unharmed(t: ExecutionContext): Promise<void> {
    if (this.#pair === null) throw new Error('the witness has not arrived');
    const [one, two] = this.#pair;
    t.true(this.#stage.service.running, 'the process lives');
    t.is(this.#stage.service.pid, this.#pid);
    const { id } = await one.send(this.#room, 'still here');
    await two.message(id);
    t.deepEqual([...checkStream(one.heard), ...checkStream(two.heard)], []);
    t.deepEqual([...one.all('disconnect'), ...two.all('disconnect'), ...one.all('error'), ...two.all('error')], []);
    const errors = this.#stage.service.output.lines.filter(({ level }) => (level ?? 0) >= 50);
    t.deepEqual(errors, [], 'an error was logged');
  }
}
