import { parentPort, workerData } from 'node:worker_threads';
import { BlockCompiler, type FeedText } from './compiled.js';

const compiler = new BlockCompiler();
for (const feed of workerData as readonly FeedText[]) compiler.addFeed(feed);
const compiled = compiler.compile();
const arrays: (Uint8Array | Uint32Array | Int32Array | Float64Array)[] = [compiled.kindOf, compiled.createdAtMs, compiled.expiresAtMs];
for (const { bases, lengths, parents, rows, index } of [compiled.v4, compiled.v6]) arrays.push(bases, lengths, parents, rows, index);
parentPort?.postMessage(
  compiled,
  arrays.map((array) => array.buffer as ArrayBuffer),
);
