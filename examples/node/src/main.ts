// node dist/main.js AUDIO..: transcribe many recordings with one mlenv, and print their segments.

import { Transcriber, TranscriptionError } from "./transcriber.js";

const words = (process.env.MLENV_OPTIONS ?? "").split(" ").filter(Boolean);
const transcriber = new Transcriber(words, process.env.MLENV);
await Promise.all(
  process.argv.slice(2).map(async (audio) => {
    try {
      const { segments } = await transcriber.transcribe(audio);
      const lines = segments.map(({ start, text }) => `${start.toFixed(2).padStart(7)} ${text}`);
      console.log([`${audio}:`, ...lines].join("\n"));
    } catch (error) {
      const code = error instanceof TranscriptionError ? ` (${error.code})` : "";
      console.error(`${(error as Error).message}${code}`);
      process.exitCode = 1;
    }
  }),
);
await transcriber.close();
