import test from 'ava';
import { parse } from 'yaml';
import { readConfig, rows } from '../../src/config.js';
import { readText } from './package.js';

interface ComposeService {
  readonly build?: string;
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
}

const compose = parse(readText('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const service = compose.services['message-handling-service'] ?? {};

/** The environment as compose makes it where the user has set nothing. */
const environment = Object.fromEntries(
  Object.entries(service.environment ?? {}).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')]),
);

test('the services are there, each built or pulled with a fixed major version', (t) => {
  t.deepEqual(Object.keys(compose.services).toSorted(), [
    'message-handling-service',
    'message-handling-service-2',
    'postgres',
    'proxy',
    'rabbitmq',
    'redis',
  ]);
  for (const [name, { build, image }] of Object.entries(compose.services))
    t.true(build !== undefined || /^\w+:\d+/.test(image ?? ''), name);
});

test('every variable that compose sets is a setting of the service', (t) => {
  const known = Object.values(rows).map((row) => row.env);
  t.deepEqual(
    Object.keys(environment).filter((name) => !known.includes(name)),
    [],
  );
});

test('the service starts with that environment: in development, on the database beside it', (t) => {
  const config = readConfig(environment);
  const database = compose.services[config.dbHost ?? '']?.environment ?? {};
  t.is(config.nodeEnv, 'development');
  t.like(database, { POSTGRES_DB: config.dbName, POSTGRES_PASSWORD: config.dbPassword });
  t.deepEqual(service.ports, [`${config.port}:${config.port}`]);
  t.true(Number.parseInt(service.stop_grace_period ?? '0') * 1000 > config.shutdownGraceMs);
});

test('the second node differs from the first in its published port alone, and the proxy knows both', (t) => {
  const second = compose.services['message-handling-service-2'];
  t.deepEqual({ ...second, ports: service.ports }, { ...service });
  t.deepEqual(second?.ports, []);
  const servers = [...readText('deploy/haproxy.cfg').matchAll(/^ {2}server \S+ (\S+):(\d+) /gm)];
  t.deepEqual(
    servers.map(([, name, port]) => [name, port]),
    ['message-handling-service', 'message-handling-service-2'].map((name) => [name, environment['PORT']]),
  );
});

test('every service has a health check; the service’s own is the image’s', (t) => {
  for (const [name, { healthcheck, build }] of Object.entries(compose.services))
    t.true(healthcheck !== undefined || (build === '.' && readText('Dockerfile').includes('\nHEALTHCHECK ')), name);
});

test('what it depends on exists and is waited for until healthy', (t) => {
  const needs = Object.entries(service.depends_on ?? {});
  t.deepEqual(needs.map(([name]) => name).toSorted(), ['postgres', 'rabbitmq', 'redis']);
  for (const [name, { condition }] of needs) {
    t.truthy(compose.services[name]?.healthcheck, name);
    t.is(condition, 'service_healthy');
  }
});

test('every named volume is declared and used', (t) => {
  const mounted = Object.values(compose.services)
    .flatMap((one) => one.volumes ?? [])
    .filter((volume) => !volume.startsWith('.'));
  t.deepEqual(mounted.map((volume) => volume.split(':')[0]).toSorted(), Object.keys(compose.volumes).toSorted());
});
