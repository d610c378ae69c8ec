// What `mlenv exec transcribe --serve` is sent, and what it answers: a JSON document a line.

export interface Word {
  word: string;
  start: number;
  end: number;
  probability: number;
}

export interface Segment {
  /** Seconds from the start of the recording. */
  start: number;
  end: number;
  text: string;
  speaker: string | null;
  /** Empty without the option `word_timestamps`. */
  words: Word[];
  channel: number | null;
}

export interface Turn {
  start: number;
  end: number;
  speaker: string;
}

export interface Warning {
  code: string;
  message: string;
  start: number | null;
  end: number | null;
}

export interface Transcript {
  path: string;
  text: string;
  language: string | null;
  language_probability: number | null;
  duration: number;
  segments: Segment[];
  speakers: string[];
  turns: Turn[];
  /** Seconds of each step. */
  timings: Record<string, number>;
  warnings: Warning[];
}

export interface Problem {
  code: string;
  message: string;
}

type Value = string | number | boolean | null | (string | number)[];

/** Options of `mlenv exec transcribe` by name; those of every day have types of their own. */
export interface Options {
  model?: string;
  language?: string;
  task?: "transcribe" | "translate";
  word_timestamps?: boolean;
  diarize?: boolean;
  num_speakers?: number;
  speaker_names?: string[];
  channels?: "mix" | "each" | number;
  [option: string]: Value | undefined;
}

export type Request = (Options & { id: number; audio: string }) | { cancel: number };

/** `id` is null for a line that asks for nothing that can be done, and for the last event of all. */
interface OfRequest {
  id: number | null;
}

export interface SegmentEvent extends OfRequest, Segment {
  event: "segment";
  path: string;
}

export interface FileEvent extends OfRequest, Transcript {
  event: "file";
  replaces_segments: boolean;
}

export interface FailedEvent extends OfRequest, Problem {
  event: "failed";
  path: string | null;
  line?: number;
}

export interface EndEvent extends OfRequest {
  event: "end";
  ok: boolean;
  exit_code: number;
  errors: Problem[];
  /** Numbers of requests, in the last event of all. */
  done?: number;
  failed?: number;
  cancelled?: number;
}

export type ServeEvent = SegmentEvent | FileEvent | FailedEvent | EndEvent;
