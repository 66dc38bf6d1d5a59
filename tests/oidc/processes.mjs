// What is started here is stopped here, by its process id, however the script ends; so go the folders made here.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** Longest wait for a process to say that it is ready, or to go. */
const PATIENCE_MS = 30_000;

const running = new Set();
const folders = [];
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) remove(folder);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** A new folder that goes when the script ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "engram-oidc-"));
  folders.push(folder);
  return folder;
}

/** Removes a folder in which a process that was just killed may still write. */
function remove(folder) {
  for (let tries = 100; ; tries -= 1) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (tries === 0) throw error;
      // Nothing can be awaited while the script ends.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Starts a program and waits for its first line, which is JSON: the program and that value. */
export async function start(command, args) {
  const child = spawn(command, args, { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let log = "";
  child.stderr.on("data", (piece) => (log += piece));
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const ended = once(child, "exit", { signal }).then(() => Promise.reject(new Error(`${command} ended: ${log}`)));
  const [line] = await Promise.race([once(lines, "line", { signal }), ended]);
  ended.catch(() => {});
  lines.on("line", () => {});
  return { child, ready: JSON.parse(line) };
}

/** Ends a program that was started here, and waits until it is gone. */
export async function stop(child) {
  const gone = once(child, "exit", { signal: AbortSignal.timeout(PATIENCE_MS) });
  child.kill("SIGTERM");
  await gone;
}

/** Runs a command to its end; what it printed. */
export async function run(command, args) {
  const { stdout } = await promisify(execFile)(command, args, { env: environment(), timeout: PATIENCE_MS });
  return stdout;
}

/** A port that nobody listens on now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** This process's environment without settings of the service. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ENGRAM_")));
}
