import { parentPort, workerData } from 'node:worker_threads';
import { BlockCompiler, type FeedText } from './compiled.js';

const compiler = new BlockCompiler();
for (const feed of workerData as readonly FeedText[]) compiler.addFeed(feed);
const compiled = compiler.compile();
const { v4, v6, createdAtMs, expiresAtMs } = compiled;
const arrays = [v4.cells, v4.index, v6.cells, v6.index, createdAtMs, expiresAtMs];
parentPort?.postMessage(
  compiled,
  arrays.map((array) => array.buffer as ArrayBuffer),
);
