import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answer, api } from './api.ts';

const SPANS: Readonly<Record<string, number>> = { '1h': 3_600_000, '24h': 86_400_000, '7d': 7 * 86_400_000 };
export const FIRST_SPAN = '1h';

/** What the first page shows of the last hour, day or week. Apart from the page, so that it can be asked for while the page's code is on its way. */
export const overviewQuery = (span: string) =>
  queryOptions({
    queryKey: ['overview', span],
    queryFn: () => answer(api.GET('/api/v1/overview', { params: { query: { fromMs: Date.now() - (SPANS[span] ?? SPANS[FIRST_SPAN]!) } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 15_000,
  });
