// A Python program's JSON lines, one by one as they come.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import type { LaunchEnvironment } from "./environment.js";

/** Run a Python program in the environment and yield each line of its output, parsed. */
export async function* jsonLines<T>(
  { python, env }: LaunchEnvironment,
  argv: readonly string[],
): AsyncGenerator<T, void, undefined> {
  const child = spawn(python, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  ended.catch(() => undefined); // it is awaited below; until then, no unhandled rejection
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      yield JSON.parse(line) as T;
    }
    const [code, signal] = await ended;
    if (code !== 0) {
      throw new Error(`Python ended with ${signal ?? `exit code ${code}`}:\n${complaints}`);
    }
  } finally {
    child.kill(); // whoever stops reading early wants no more of it
  }
}
