/**
 * F2: who attacks, how sure we are, and who is kept out. `BlockTable` is what gateways ask; `Blocklist` is where people, policies and detectors
 * write; `ActorBook` is what the engine keeps about every client.
 */
export * from './actor-book.js';
export * from './block.js';
export { BlockTable } from './block-table.js';
export * from './blocklist.js';
export { BlockCompiler, type CompiledBlocks, compileFeeds, type FeedText } from './compiled.js';
export * from './errors.js';
export { describeBlock, type Explanation, type Subject } from './explain.js';
export * from './exports.js';
export * from './feed-book.js';
export { type FeedSource, fetchFeed } from './feed-fetch.js';
export { type FeedFormat, type FeedProblem, type ParsedFeed, parseFeed } from './feed-parse.js';
export { type GeoReader, openGeo } from './geo.js';
export * from './hits.js';
export * from './rates.js';
export * from './score.js';
export * from './throttle.js';
