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
  /**
   * Whether the user may run a program, or enter a folder, by the modes of the way there. Postgres looks at its own binaries by
   * `access`, which knows no capabilities.
   */
  reaches(path: string): boolean;
  /** A folder that only we write to and that the user reaches. */
  readonly readableFolder: string;
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
      reaches: (path) => spawnSync('test', ['-x', path], { env, cwd: '/', stdio: 'ignore' }).status === 0,
      readableFolder: folder,
      env,
      endsWithParent: setpriv,
    };

  const [uid, gid] = nobody();
  const own = (path: string): void => chownSync(path, uid, gid);
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  const reaches = (path: string): boolean => {
    const options = { env, cwd: '/', stdio: 'ignore' } as const;
    const test = ['-x', path];
    return setpriv
      ? spawnSync('setpriv', [...ids, '--', 'test', ...test], options).status === 0
      : spawnSync('test', test, { ...options, uid, gid }).status === 0;
  };
  const visible = reaches(folder);
  const readableFolder = visible ? folder : systemCache;
  if (!setpriv) {
    const command = (program: string, args: readonly string[]): readonly [string, ...string[]] => [program, ...args];
    return { command, identity: { uid, gid }, own, reaches, readableFolder, env, endsWithParent: false };
  }
  const pass = visible ? [] : ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'];
  return {
    command: (program, args) => ['setpriv', ...ids, ...pass, ...last, '--', program, ...args],
    identity: {},
    own,
    reaches,
    readableFolder,
    env,
    endsWithParent: true,
  };
}

/** Root's own, readable for all; used where DATA_DIR is not. */
const systemCache = '/var/cache/message-handling-service';

/** Negative on macOS, where ids are unsigned nevertheless. */
function nobody(): readonly [uid: number, gid: number] {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('nobody:'));
  const [, , uid, gid] = entry?.split(':') ?? [];
  return [Number(uid ?? 65534) >>> 0, Number(gid ?? 65534) >>> 0];
}
