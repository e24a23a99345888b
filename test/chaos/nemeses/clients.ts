/** Faults that clients are: sockets that read nothing, all of them coming back at once, one room that is louder than the rest. */
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket, type RawData } from 'ws';
import { eventually, within } from '../../harness/eventually.js';
import { tokenFor } from '../../harness/token.js';
import { healed, rounds, struck, type Nemesis, type Scene } from './nemesis.js';

/** Joins a room over a bare Engine.IO connection and then reads nothing any more. */
async function slowReader(url: string, user: string, room: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  socket.on('error', () => undefined);
  const joined = new Promise<void>((resolve) => {
    socket.on('message', (data: RawData) => {
      const packet = (data as Buffer).toString();
      if (packet.startsWith('0')) socket.send(`40${JSON.stringify({ token: tokenFor(user) })}`);
      else if (packet.startsWith('40')) socket.send(`42${JSON.stringify(['join_room', { roomId: room }])}`);
      else if (packet === '2') socket.send('3');
      else if (packet.startsWith('42["room_joined"')) resolve();
    });
  });
  await within(joined, `the join of ${user}`);
  socket.pause();
  return socket;
}

/** Sends to the first room far beyond the pace of the members; what is refused is not repeated. */
async function flood({ workload, history, rooms }: Scene, length: number, until: () => boolean): Promise<void> {
  const room = rooms[0] ?? '';
  const loud = workload.participants.filter((one) => one.version(room) > 0);
  await Promise.all(
    loud.flatMap((participant) =>
      Array.from({ length: 16 }, async (_, lane) => {
        for (let count = 0; !until() && workload.running; count += 1) {
          await participant.present();
          const { user, session } = participant;
          const name = `flood:${user}:${lane}:${count}`;
          const content = `flood ${name}`.padEnd(length, '…');
          const op = history.invoke({ kind: 'send', user, session, room, name, content });
          const ack = await participant.ask(op, 'send_message', { room_id: room, content, client_msg_id: name });
          if (ack?.message !== undefined) {
            const { id, seq, version } = ack.message;
            history.add({
              type: 'ok',
              op,
              message: { id, seq, version, content: ack.message.content, deleted: false },
            });
          } else await pause(5);
        }
      }),
    ),
  );
}

/** Ends a member's access by a message of a neighbour, and lets them in again later. */
async function removeMember(
  { world, workload, history, memberships, rooms, random }: Scene,
  round: number,
): Promise<void> {
  const room = random.pick(rooms);
  const members = memberships.get(room) ?? [];
  const participant = workload.participants.find(({ user }) => user === members[round % 3]);
  if (participant === undefined || world.rabbit === null) throw new Error('nobody to remove');
  const { user } = participant;
  const told = new Promise<void>((resolve) => {
    const off = history.onEntry((entry) => {
      if (entry.type !== 'resync' || entry.user !== user || entry.reason !== 'removed') return;
      off();
      resolve();
    });
  });
  memberships.set(
    room,
    members.filter((one) => one !== user),
  );
  history.add({ type: 'nemesis', phase: 'strike', detail: `${user} is removed` });
  world.rabbit.publish('message.broadcast.member_removed', { roomId: room, userId: user });
  await within(told, `the end of the access of ${user}`);
  await workload.more(60);
  memberships.set(room, members);
  history.add({ type: 'nemesis', phase: 'heal', detail: `${user} is a member again` });
  await participant.rejoin(room);
}

export const clientNemeses: readonly Nemesis[] = [
  {
    name: 'slow-consumer',
    fault: 'Slow consumer socket (reads nothing)',
    nodes: 1,
    env: { SOCKET_BUFFER_BYTES: '65536' },
    strike: async (scene) => {
      const { world, workload, rooms } = scene;
      const { service } = world.node(0);
      const [room = ''] = rooms;
      const slow = await Promise.all(
        ['slow-a', 'slow-b'].map((user) => slowReader(service.url, `${user}-${room}`, room)),
      );
      struck(scene, `${slow.length} sockets read nothing`);
      // The kernel's own buffers take megabytes before the service sees that somebody does not read.
      const closed = (): boolean =>
        service.output.lines.filter(({ msg }) => msg === 'slow socket closed').length >= slow.length;
      await Promise.all([
        flood(scene, 4_000, closed),
        eventually(() => Promise.resolve(closed()), 'the end of the slow sockets', 120_000),
      ]);
      for (const socket of slow) socket.terminate();
      healed(scene, 'the slow sockets were closed');
      await workload.more(200 * scene.rounds);
    },
  },
  {
    name: 'member-removed',
    fault: 'Member removed during traffic',
    nodes: 2,
    redis: true,
    rabbit: true,
    env: { NEIGHBOUR_CACHE_TTL_MS: '100' },
    strike: (scene) => rounds(scene, (round) => removeMember(scene, round)),
  },
  {
    name: 'reconnect-storm',
    fault: 'Reconnect storm of all sockets',
    nodes: 1,
    strike: (scene) =>
      rounds(scene, async () => {
        struck(scene, 'every socket is dropped');
        for (const participant of scene.workload.participants) participant.drop();
        await Promise.all(scene.workload.participants.map((one) => one.present()));
        healed(scene, 'every member is back');
      }),
  },
  {
    name: 'hot-room',
    fault: 'Hot room at full rate beside quiet rooms',
    nodes: 1,
    bounds: { silenceMs: 1_000 },
    strike: async (scene) => {
      await scene.workload.more(200);
      let over = false;
      struck(scene, 'one room is flooded');
      const flooding = flood(scene, 0, () => over);
      await scene.workload.more(200 * scene.rounds);
      over = true;
      await flooding;
      healed(scene, 'the flood is over');
    },
  },
];
