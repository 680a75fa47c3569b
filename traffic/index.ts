/**
 * F1: the ways between weir's processes. Exchanges flow one way through a traffic stream; blocks, policies, modes and the like are seen by every
 * process as shared maps. Each has an implementation for one process (threads) and one for Redis.
 */
export * from './errors.js';
export { memoryFeedReader, memoryFeedWriter } from './feed/memory-feed.js';
export { type RedisFeedOptions, redisFeedReader, redisFeedWriter } from './feed/redis-feed.js';
export { type MemoryConsumer, type MemoryConsumerOptions, memoryConsumer, type RawBatch } from './memory/consumer.js';
export { type MemoryPublisher, type MemoryPublisherOptions, memoryPublisher } from './memory/publisher.js';
export { createMemoryStream, type MemoryStream } from './memory/stream.js';
export { type RedisConsumerOptions, redisConsumer } from './redis/consumer.js';
export { type RedisPublisherOptions, redisPublisher } from './redis/publisher.js';
export { redisCounters, type SharedCounters } from './redis/shared-counters.js';
export { createSharedState, type SharedHub, type SharedStateOptions } from './shared/hub.js';
export { sharedStateFromPort } from './shared/thread.js';
export * from './types.js';
