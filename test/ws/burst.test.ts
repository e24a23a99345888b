/** Selections of a burst: the bytes of what was picked, in order, and no copy where it is one run. */
import test from 'ava';
import fc from 'fast-check';
import { OutgoingBurst } from '../../src/ws/fanout/burst.js';
import { encodeFrames } from '../../src/ws/fanout/frames.js';

function burstOf(count: number): OutgoingBurst {
  const events = Array.from({ length: count }, (_, at) => ({
    packet: `["e",${'x'.repeat(at * 40)}${at}]`,
    version: at + 1,
    except: null,
    at,
  }));
  return new OutgoingBurst('r', events, count);
}

test('a view is what its packets are on the wire, whatever was picked', (t) => {
  const picked = fc.subarray(
    Array.from({ length: 12 }, (_, index) => index),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(picked, (picks) => {
      const view = burstOf(12).view(picks);
      t.deepEqual(view?.bytes, encodeFrames(view?.packets ?? []).bytes);
      t.is(view?.packets.length, picks.length);
    }),
  );
});

test('the rest of a burst is not copied', (t) => {
  const burst = burstOf(5);
  const rest = burst.view([2, 3, 4])?.bytes;
  t.is(rest?.buffer, burst.frames.bytes.buffer);
  t.is((rest?.byteOffset ?? 0) + (rest?.length ?? 0), burst.frames.bytes.byteOffset + burst.frames.bytes.length);
});
