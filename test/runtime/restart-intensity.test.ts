import test from 'ava';
import { RestartIntensity } from '../../src/runtime/restart-intensity.js';

test('restarts are allowed up to the intensity, and again once the window has passed', (t) => {
  const intensity = new RestartIntensity(2, 100);
  t.true(intensity.note(0));
  t.true(intensity.note(10));
  t.false(intensity.note(20));
  t.true(intensity.note(200));
});

test('an intensity of zero allows no restart', (t) => {
  t.false(new RestartIntensity(0, 100).note(0));
});
