/** Sessions of Socket.IO, over WebSocket frames and over polling, in which everything may be wrong at every layer. */
import type { Random } from './random.js';
import { goodToken, someToken } from './tokens.js';
import { damaged, event, flipped, hostileValue, twisted, type Ids } from './values.js';
import { Connection, frame, request, upgrade } from './wire.js';

/** Layers of a session that are damaged: a broken packet ends a connection, so that nothing behind it would be seen. */
type Damage = 'data' | 'packets' | 'frames';

function someDamage(random: Random): Damage {
  return random.pick<Damage>(['data', 'data', 'data', 'packets', 'frames']);
}

/** A Socket.IO packet in its Engine.IO packet. */
function packet(random: Random, ids: Ids, damage: Damage): string {
  const [name, data] = event(random, ids);
  const ack = random.chance(0.5) ? String(random.below(100)) : '';
  const body = random.chance(0.5)
    ? twisted(random, data)
    : random.chance(0.6)
      ? JSON.stringify(data)
      : hostileValue(random);
  const good = `42${ack}["${name}",${body}]`;
  if (damage === 'data') return good;
  switch (random.below(10)) {
    case 0:
      return damaged(random, good);
    case 1:
      return `4${random.below(10)}${random.pick(['', '/admin,', '/,', '//', '/x?y=z,'])}${random.pick(['', '0', '99999999999999999999'])}["${name}",${body}]`;
    case 2:
      return `45${random.pick(['1', '0', '2', '-1', '99', 'x'])}-${ack}["${name}",${body}]`;
    case 3:
      return `42${ack}[${hostileValue(random)},${body}]`;
    case 4:
      return `42${ack}["${name}",${body},${hostileValue(random)},${hostileValue(random)}]`;
    case 5:
      return `${random.pick(['0', '1', '2', '2probe', '3', '3probe', '5', '6', '7', 'b', 'bAAAA', ''])}${random.chance(0.3) ? body : ''}`;
    case 6:
      return `43${ack}[${body}]`;
    default:
      return good;
  }
}

function opening(random: Random): string {
  const token = random.chance(0.75) ? goodToken(random) : someToken(random);
  if (random.chance(0.85)) return `40{"token":${JSON.stringify(token)}}`;
  return random.pick([`40${hostileValue(random)}`, '40', '40/admin,{}', `40{"token":${hostileValue(random)}}`]);
}

export async function websocketCase(random: Random, port: number, ids: Ids): Promise<string> {
  const connection = new Connection(port);
  const query = random.chance(0.95)
    ? 'EIO=4&transport=websocket'
    : damaged(random, 'EIO=4&transport=websocket&sid=x').replaceAll(/[\s\0]/g, '');
  connection.write(upgrade(query));
  if (!(await connection.hears(/"sid"|HTTP\/1.1 [45]/))) return connection.finish();
  connection.write(frame(Buffer.from(opening(random))));
  if (random.chance(0.9)) await connection.hears(/40\{"sid"|44|\x88/);
  const damage = someDamage(random);
  for (let i = random.below(25); i >= 0 && !connection.closed; i--) connection.write(aFrame(random, ids, damage));
  const heard = await connection.finish();
  ids.learn(heard);
  return heard;
}

function aFrame(random: Random, ids: Ids, damage: Damage): Buffer {
  const payload = Buffer.from(packet(random, ids, damage));
  if (damage !== 'frames') return frame(payload, {}, random);
  switch (random.below(20)) {
    case 0:
      return flipped(random, frame(payload, {}, random));
    case 1:
      return frame(payload, { opcode: random.below(16), rsv: random.chance(0.3) ? random.below(8) : 0 }, random);
    case 2:
      return frame(payload, { masked: false });
    case 3:
      return frame(payload, { length: random.pick([0, 1, payload.length + 7, 65_535, 2 ** 32, 2 ** 53 - 1]) }, random);
    case 4: {
      const at = random.below(payload.length + 1);
      const rest = frame(payload.subarray(at), { opcode: random.pick([0, 0, 0, 1]) }, random);
      return Buffer.concat([frame(payload.subarray(0, at), { fin: false }, random), rest]);
    }
    case 5:
      return frame(random.bytes(random.below(200)), { opcode: random.pick([1, 2, 8, 9, 10]) }, random);
    case 6:
      return frame(flipped(random, payload), {}, random);
    case 7:
      return frame(Buffer.from('x'.repeat(random.pick([65_000, 70_000]))), {}, random);
    case 8:
      return frame(payload, { opcode: 2 }, random);
    default:
      return frame(payload, {}, random);
  }
}

export async function pollingCase(random: Random, port: number, ids: Ids): Promise<string> {
  const path = '/socket.io/?EIO=4&transport=polling';
  const first = new Connection(port);
  first.write(request({ method: 'GET', path, headers: ['Connection: close'], body: null }));
  await first.hears(/"sid"/);
  const opened = await first.finish();
  const sid = /"sid":"([\w-]+)"/.exec(opened)?.[1];
  if (sid === undefined) return opened;
  const said = [opened];
  const headers = ['Content-Type: text/plain;charset=UTF-8', 'Connection: close'];
  const damage = someDamage(random);
  const payloads = [opening(random)];
  for (let i = random.below(4); i >= 0; i--)
    payloads.push(Array.from({ length: 1 + random.below(8) }, () => packet(random, ids, damage)).join('\x1e'));
  for (const payload of payloads) {
    const body =
      damage === 'frames' && random.chance(0.3) ? flipped(random, Buffer.from(payload)) : Buffer.from(payload);
    const post = new Connection(port);
    post.write(request({ method: random.chance(0.97) ? 'POST' : 'PUT', path: `${path}&sid=${sid}`, headers, body }));
    // Two polls at once are against the rules, too.
    const polls = Array.from({ length: random.chance(0.1) ? 2 : 1 }, () => new Connection(port));
    for (const poll of polls) poll.write(request({ method: 'GET', path: `${path}&sid=${sid}`, headers, body: null }));
    for (const each of [post, ...polls]) said.push(await each.finish());
  }
  const heard = said.join('\n');
  ids.learn(heard);
  return heard;
}
