// node dist/own.js AUDIO [MODEL]: a Python program of your own, whose lines are read as they come.

import { fileURLToPath } from "node:url";

import { launchEnvironment } from "./environment.js";
import { jsonLines } from "./lines.js";

interface Segment {
  start: number;
  end: number;
  text: string;
}

const worker = fileURLToPath(new URL("../python/segments.py", import.meta.url));
try {
  const environment = await launchEnvironment(process.env.MLENV);
  for await (const segment of jsonLines<Segment>(environment, [worker, ...process.argv.slice(2)])) {
    console.log(`${segment.start.toFixed(2).padStart(7)} ${segment.text.trim()}`);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
