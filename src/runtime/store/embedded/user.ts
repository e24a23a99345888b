/**
 * Whom the embedded server runs as. Postgres refuses to run as root, so root runs it as `nobody`; anybody else as themselves.
 * Where `setpriv` exists the server is also told to end with its parent, so that a killed service leaves no orphan.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync } from 'node:fs';

export interface ServerUser {
  /** The command line that runs a program as this user. */
  command(program: string, args: readonly string[]): readonly [command: string, ...args: string[]];
  /** For `spawn`, where the command line does not change the user itself. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  /** Makes a file or folder this user's own. */
  own(path: string): void;
  /** Nothing of the service's own environment, which holds secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether the server is told to end when its parent does. */
  readonly endsWithParent: boolean;
}

const env: NodeJS.ProcessEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/**
 * @param folder where the data is: root may see it where `nobody` may not (below /root, say); then the server gets the one
 *   capability that lets it pass, and nothing else of root's
 */
export function serverUser(folder: string): ServerUser {
  const setpriv = spawnSync('setpriv', ['--version'], { env, stdio: 'ignore' }).status === 0;
  const last = setpriv ? ['--pdeathsig', 'INT'] : [];
  if (process.getuid?.() !== 0)
    return {
      command: (program, args) => (setpriv ? ['setpriv', ...last, '--', program, ...args] : [program, ...args]),
      identity: {},
      own: () => undefined,
      env,
      endsWithParent: setpriv,
    };

  const [uid, gid] = nobody();
  const own = (path: string): void => chownSync(path, uid, gid);
  if (!setpriv)
    return { command: (program, args) => [program, ...args], identity: { uid, gid }, own, env, endsWithParent: false };
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  const visible =
    spawnSync('setpriv', [...ids, '--', 'test', '-x', folder], { env, cwd: '/', stdio: 'ignore' }).status === 0;
  const pass = visible ? [] : ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'];
  return {
    command: (program, args) => ['setpriv', ...ids, ...pass, ...last, '--', program, ...args],
    identity: {},
    own,
    env,
    endsWithParent: true,
  };
}

/** Negative on macOS, where ids are unsigned nevertheless. */
function nobody(): readonly [uid: number, gid: number] {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('nobody:'));
  const [, , uid, gid] = entry?.split(':') ?? [];
  return [Number(uid ?? 65534) >>> 0, Number(gid ?? 65534) >>> 0];
}
