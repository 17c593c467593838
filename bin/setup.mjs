// Installs the project's packages when some are missing or not those of package-lock.json, and is silent otherwise.
// Plain JavaScript that Node 20 can run: it is the one file that runs before the pinned Node 24 is there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE = 20;
/** Milliseconds after which an install that still holds the lock has died, whatever runs under its process id by now. */
const LOCK_EXPIRES = 10 * 60 * 1000;

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = `${root}.baton/installing`;

if (Number(process.versions.node.split('.')[0]) < NODE) {
  fail(`Baton needs Node ${NODE} or newer to install its own; this is ${process.version}. See https://nodejs.org/`);
}
if (!isInstalled()) {
  await takeLock();
  try {
    // Whoever held the lock has installed them meanwhile.
    if (!isInstalled()) install();
  } finally {
    rmSync(lock, { force: true });
  }
}

function install() {
  const started = Date.now();
  say('Installing packages, once; this takes about half a minute ...');
  const { status, signal, error } = spawnSync('npm', ['ci', '--loglevel=error', '--no-fund', '--no-audit'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    // On Windows npm is a batch file, and those need a shell.
    shell: process.platform === 'win32',
  });
  if (error !== undefined) return leave(`npm could not be started: ${error.message}. It comes with Node.`);
  if (signal !== null) return leave('The install was interrupted. Run the command again to complete it.');
  if (status !== 0)
    return leave('The packages could not be installed: npm says why above. Then run the command again.');
  if (!isInstalled()) {
    return leave(
      'npm installed the packages without the Node they bring: it may have been told to run no install scripts (ignore-scripts).',
    );
  }
  say(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

/** npm writes what it installed when it is done with all of it, so that an interrupted install does not look complete. */
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  // Brought by an install script, which somebody may have turned off.
  const node = ['node', 'node.exe'].some((name) => existsSync(`${root}node_modules/node/bin/${name}`));
  return (
    node &&
    Object.entries(wanted).every(([path, { version, optional }]) => {
      if (path === '') return true;
      // An optional package is for another platform.
      return found[path] === undefined ? optional === true : found[path].version === version;
    })
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(`${root}${file}`, 'utf8')).packages;
  } catch {
    return {};
  }
}

/** Two installs at a time would remove each other's files: the second one waits for the first. */
async function takeLock() {
  mkdirSync(`${root}.baton`, { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') return fail(`The packages cannot be installed here: ${error.message}.`);
    }
    if (isStale()) rmSync(lock, { force: true });
    else {
      if (!waited) say('Another process installs the packages; waiting for it ...');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function isStale() {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (Date.now() - statSync(lock).mtimeMs > LOCK_EXPIRES) return true;
    // Empty between its creation and its first byte.
    if (holder > 0) process.kill(holder, 0);
    return false;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return error.code === 'ESRCH' || error.code === 'ENOENT';
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Ends with an exit code for failure once the lock is released. */
function leave(message) {
  say(message);
  process.exitCode = 1;
}

function fail(message) {
  say(message);
  process.exit(1);
}
