import { z } from 'zod';
import { LIVE_TOPICS } from '../live.js';
import { Reply, type Route, route } from '../route.js';
import { listParam } from '../schema/common.js';

/** Its answer is a stream, which the server writes itself (`stream.ts`); the entry keeps it in the document and the role table. */
export const liveRoutes: readonly Route[] = [
  route({
    id: 'live.subscribe',
    method: 'GET',
    path: '/live',
    summary: 'Server-sent events: { seq, topic, change, id, atMs, about }. Last-Event-ID goes on after a break',
    role: 'viewer',
    query: z.strictObject({ topics: listParam(LIVE_TOPICS).optional(), lastEventId: z.coerce.number().optional() }),
    produces: 'text/event-stream',
    handle: async () => new Reply(null),
  }),
];
