// One mlenv that stays and transcribes recording after recording: its model is loaded once.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import type { Options, Problem, Request, Segment, ServeEvent, Transcript } from "./events.js";

/** Errors of one recording; `transcript` is what there is of it all the same. */
export class TranscriptionError extends Error {
  constructor(
    readonly problems: Problem[],
    readonly transcript: Transcript | null,
  ) {
    super(problems.map((problem) => problem.message).join("\n"));
  }

  get code(): string {
    return this.problems[0]?.code ?? "unknown";
  }
}

export interface Listening {
  /** Called with each segment as it is heard; with speakers, those of the transcript are others. */
  onSegment?: (segment: Segment) => void;
  /** Takes the request back. */
  signal?: AbortSignal;
}

interface Pending extends Listening {
  transcript: Transcript | null;
  resolve: (transcript: Transcript) => void;
  reject: (error: Error) => void;
}

export class Transcriber {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #over: Error | null = null;
  #complaints = "";

  /** `words`: options that hold for each recording, such as `["--model", "base"]`. */
  constructor(words: readonly string[] = [], mlenv = "mlenv") {
    this.#child = spawn(mlenv, ["exec", "transcribe", "--serve", ...words]);
    this.#child.stdin.on("error", () => undefined); // that it has ended is told by its end
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4096);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#take(JSON.parse(line) as ServeEvent);
    });
    this.#ended = once(this.#child, "close").then(
      ([code]: (number | null)[]) => this.#end(code ?? null),
      (error: Error) => this.#end(null, `mlenv could not be started: ${error.message}`),
    );
  }

  /** Transcribe one recording; many may be asked for at once. */
  transcribe(audio: string, options: Options = {}, listening: Listening = {}): Promise<Transcript> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(this.#over);
        return;
      }
      this.#pending.set(id, { ...listening, transcript: null, resolve, reject });
      this.#send({ ...options, id, audio });
      const cancel = () => this.#pending.has(id) && this.#send({ cancel: id });
      if (listening.signal?.aborted) cancel();
      listening.signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Let it finish what was asked for; resolves to its exit code. */
  async close(): Promise<number | null> {
    this.#child.stdin.end();
    return this.#ended;
  }

  #send(request: Request): void {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
  }

  #take(event: ServeEvent): void {
    const pending = this.#pending.get(event.id ?? 0);
    if (!pending) return;
    if (event.event === "segment") {
      pending.onSegment?.(event);
    } else if (event.event === "file") {
      pending.transcript = event;
    } else if (event.event === "end") {
      this.#pending.delete(event.id ?? 0);
      if (event.ok && pending.transcript) pending.resolve(pending.transcript);
      else pending.reject(new TranscriptionError(event.errors, pending.transcript));
    }
  }

  /** Nobody shall wait for an answer that never comes. */
  #end(code: number | null, reason?: string): number | null {
    this.#over = new Error(reason ?? `mlenv ended with exit code ${code}:\n${this.#complaints}`);
    for (const { reject } of this.#pending.values()) reject(this.#over);
    this.#pending.clear();
    return code;
  }
}
