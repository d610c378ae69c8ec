// How to start a process in the shared environment, as `mlenv env --json` says it.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface LaunchEnvironment {
  /** The environment's Python. */
  python: string;
  /** All variables of the new process: give them to spawn as `env`. */
  env: NodeJS.ProcessEnv;
}

interface Document {
  ok: boolean;
  data: { python: string; venv: string; env: Record<string, string> };
  errors: { code: string; message: string }[];
}

/**
 * Ask once, when the program starts, and keep the answer: it takes a few dozen milliseconds.
 * The loader reads LD_LIBRARY_PATH when a process starts, so it must be in `env` of spawn;
 * set inside the Python program it changes nothing.
 */
export async function launchEnvironment(mlenv = "mlenv"): Promise<LaunchEnvironment> {
  const answer = await promisify(execFile)(mlenv, ["env", "--json"]).catch(
    (error: { stdout?: string; message: string }) => {
      if (error.stdout) return { stdout: error.stdout }; // mlenv says in its document what is wrong
      throw new Error(`mlenv could not be started: ${error.message}`);
    },
  );
  const { ok, data, errors } = JSON.parse(answer.stdout) as Document;
  if (!ok) throw new Error(errors.map((error) => error.message).join("\n"));
  const { PYTHONHOME: _, ...inherited } = process.env; // it belongs to another Python
  return { python: data.python, env: { ...inherited, ...data.env } };
}
