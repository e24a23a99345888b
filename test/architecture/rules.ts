/**
 * Who may import whom, and a few laws of the source text. A rule looks at one file and says what in it breaks the rule;
 * its reason is what the failing test prints. Folders are named as in the README's architecture section.
 */
import { posix } from 'node:path';

export interface SourceFile {
  /** From the package root, with slashes: `src/http/routes.ts`. */
  readonly path: string;
  readonly text: string;
  /** Module specifiers as written: imports, types, re-exports and dynamic ones alike. */
  readonly imports: readonly string[];
}

export interface Rule {
  readonly name: string;
  readonly reason: string;
  /** What is wrong in the file; empty when nothing is. */
  readonly check: (file: SourceFile) => readonly string[];
}

/** Beginning of a path, or the path itself; `npm` stands for every package and node module. */
type Door = string;

/** What everybody but the actors may import. */
const common: readonly Door[] = ['npm', 'src/config.ts', 'src/observe/'];
const protocol: readonly Door[] = ['src/actors/protocol/', 'src/actors/rejections.ts'];
/** The rooms facade and the store's read port, as the edges see them. */
const facade: readonly Door[] = [
  'src/runtime/rooms.ts',
  'src/runtime/frames.ts',
  'src/runtime/lifecycle.ts',
  'src/runtime/store/port.ts',
];

function target(file: SourceFile, specifier: string): Door {
  if (!specifier.startsWith('.')) return 'npm';
  return posix.join(posix.dirname(file.path), specifier).replace(/\.js$/, '.ts');
}

/** Files of `folder` (but the `except`ions) import from the doors only. */
function mayImport(folder: string, doors: readonly Door[], reason: string, except: readonly string[] = []): Rule {
  return {
    name: `${folder} imports only ${doors.join(', ')}`,
    reason,
    check: (file) =>
      !file.path.startsWith(folder) || except.includes(file.path)
        ? []
        : file.imports
            .filter((specifier) => !doors.some((door) => target(file, specifier).startsWith(door)))
            .map((specifier) => `${file.path} imports ${specifier}`),
  };
}

/** Only the named files match the pattern. */
function only(paths: readonly string[], folder: string, pattern: RegExp, name: string, reason: string): Rule {
  return {
    name,
    reason,
    check: (file) => {
      if (!file.path.startsWith(folder) || paths.includes(file.path)) return [];
      const found = pattern.exec(withoutComments(file.text));
      return found === null ? [] : [`${file.path} has ${found[0]}`];
    },
  };
}

const statement =
  /\b(SELECT\s[^;'"`]*\bFROM\b|SELECT\s+(pg_|now\(|1\b|\$1)|INSERT\s+INTO\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|CREATE\s+(TABLE|INDEX|UNIQUE|SCHEMA|DATABASE|FUNCTION|EXTENSION)\b|ALTER\s+(TABLE|SYSTEM|ROLE|DATABASE)\b|DROP\s+(TABLE|INDEX|DATABASE|FUNCTION)\b|TRUNCATE\s+\w)/;

export const longestFile = 300;

export const shortFiles: Rule = {
  name: `no file is longer than ${longestFile} lines without a reason`,
  reason: 'A long file is two nouns; if it is one all the same, its first lines say why ("long because …")',
  check: (file) => {
    const lines = file.text.split('\n');
    const excused = lines.slice(0, 12).some((line) => /long because/i.test(line));
    return lines.length - 1 > longestFile && !excused ? [`${file.path} has ${lines.length - 1} lines`] : [];
  },
};

export const plainNames: Rule = {
  name: 'no file is called utils, helpers, common or misc',
  reason: 'A file is a noun; a name that fits everything collects everything',
  check: (file) => (/\/(utils?|helpers?|common|misc|lib)(\.ts|\/)/.test(file.path) ? [file.path] : []),
};

export const rules: readonly Rule[] = [
  mayImport(
    'src/actors/',
    ['src/actors/'],
    'Actors are pure: time, ids and the world are arguments, so that every law about them can be tested without a process',
  ),
  mayImport(
    'src/actors/protocol/',
    protocol,
    'The protocol is what every other folder may know of the actors; it must not pull their insides along',
  ),
  mayImport(
    'src/runtime/',
    [...common, ...protocol, 'src/runtime/'],
    'The runtime knows keys, commands, events, frames and lifecycles, but no chat; only the worker entry meets the room actor',
    ['src/runtime/worker.ts'],
  ),
  mayImport(
    'src/runtime/worker.ts',
    [...common, 'src/actors/', 'src/runtime/'],
    'The worker entry puts actors and runtime together, and nothing else: edges live on the main thread',
  ),
  mayImport(
    'src/edge/',
    [...common, ...protocol, ...facade, 'src/edge/'],
    'What both edges share reaches rooms through the facade and history through the read port, so that either may move',
  ),
  mayImport(
    'src/http/',
    [...common, ...protocol, ...facade, 'src/edge/', 'src/http/'],
    'REST and Socket.IO translate; what they share lies in src/edge, so neither may know the other',
  ),
  mayImport(
    'src/ws/',
    [...common, ...protocol, ...facade, 'src/edge/', 'src/ws/'],
    'REST and Socket.IO translate; what they share lies in src/edge, so neither may know the other',
  ),
  mayImport(
    'src/observe/',
    [...common, 'src/actors/rejections.ts'],
    'Logs and metrics are used by everybody: whatever they imported, everybody would import',
  ),
  mayImport('src/config.ts', ['npm'], 'The configuration is read before anything else exists'),
  mayImport('src/cli/', [...common, 'src/cli/'], 'Helpers of the command line start nothing of the service'),
  mayImport(
    'src/main.ts',
    [...common, 'src/service.ts', 'src/runtime/', 'src/cli/'],
    'Main is the process: settings, signals, exit; what is served is put together in src/service.ts',
  ),
  mayImport(
    'src/service.ts',
    [...common, 'src/runtime/', 'src/edge/', 'src/http/', 'src/ws/'],
    'The service is put together from what serves; actors are the workers’ business',
  ),
  {
    name: 'nothing below imports main, service, test or bench',
    reason: 'src/main.ts and src/service.ts put everything together: they know everybody, so nobody may know them',
    check: (file) =>
      file.imports
        .map((specifier) => target(file, specifier))
        .filter((door) => /^(src\/(main|service)\.ts|test\/|bench\/)/.test(door))
        .filter((door) => !(file.path === 'src/main.ts' && door === 'src/service.ts'))
        .map((door) => `${file.path} imports ${door}`),
  },
  only(
    ['src/config.ts'],
    'src/',
    /\bprocess\s*(\.\s*env\b|\[\s*['"]env['"])|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
    'only src/config.ts reads process.env',
    'A setting that is read elsewhere has no row, no check and no line in the README',
  ),
  {
    name: 'SQL statements live in sql/',
    reason: 'Statements in files can be read, reviewed and explained by themselves',
    check: (file) => {
      const found = statement.exec(withoutComments(file.text));
      return found === null ? [] : [`${file.path} has the statement ${found[0].slice(0, 40)}`];
    },
  },
  shortFiles,
  {
    name: 'every file opens with what it is',
    reason: 'A reader learns from the first lines what a file is and where its boundary lies',
    check: (file) => (/^(#!.*\n)?\/\*\*/.test(file.text) ? [] : [`${file.path} opens without a doc comment`]),
  },
  plainNames,
];

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
