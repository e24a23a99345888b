/** The composition root: builds the services, starts them in order, drains on SIGTERM or SIGINT, stops in reverse. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { welcome } from './cli/welcome.js';
import { ConfigError, readConfig, type Config } from './config.js';
import { createLog, wantsPretty } from './observe/log.js';
import { createService, type RunningService } from './service.js';

const config = settings();
const log = createLog(config.logLevel, 'main', wantsPretty(config));
const node = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
let service: RunningService | null = null;
let ending = false;

process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught exception');
  process.exit(1);
});
process.on('unhandledRejection', (error) => {
  log.fatal({ err: error }, 'unhandled rejection');
  process.exit(1);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  // Only the first counts: a terminal and npm both pass Ctrl-C on, and the grace period bounds the drain anyway.
  process.on(signal, () => {
    if (!ending) end(signal);
  });

await run();

async function run(): Promise<void> {
  try {
    service = await createService(config, node, log, giveUp);
  } catch (error) {
    log.debug({ err: error }, 'start failed');
    fail(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (ending) return;
  log.info({ port: service.port, node, workers: config.workerThreads }, 'listening');
  if (process.stdout.isTTY) process.stdout.write(welcome(config, service.port));
}

function end(signal: NodeJS.Signals): void {
  ending = true;
  log.info({ signal }, 'draining');
  setTimeout(() => {
    log.error({ graceMs: config.shutdownGraceMs }, 'the drain took longer than SHUTDOWN_GRACE_MS');
    process.exit(1);
  }, config.shutdownGraceMs).unref();
  void (service?.stop() ?? Promise.resolve()).then(() => {
    log.info('stopped');
    process.exit(0);
  });
}

/** Whoever supervises this process starts it afresh, which is more than it could do for itself. */
function giveUp(reason: string): void {
  log.fatal({ reason }, 'the service gives up');
  process.exit(1);
}

function settings(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message);
    throw error;
  }
}

function fail(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
