import { notifications } from '@mantine/notifications';
import { type Query, QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { ApiError } from './api.ts';

const RETRIES = 2;
/** Lists that somebody has scrolled far into are not read again page by page from the top. */
const MAX_PAGES = 5;
export const isReadAgain = ({ state: { data } }: Pick<Query, 'state'>) =>
  ((data as { pages?: readonly unknown[] } | undefined)?.pages?.length ?? 0) <= MAX_PAGES;
const CLOSE = { 'aria-label': 'Close this message' };

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      networkMode: 'always',
      refetchOnWindowFocus: isReadAgain,
      refetchOnMount: isReadAgain,
      // What weir refuses once it refuses again; only what may pass by itself is tried again.
      retry: (failures, error) => failures < RETRIES && error instanceof ApiError && (error.isAway || error.status === 503),
      retryDelay: (attempt) => 400 * 2 ** attempt,
    },
    mutations: { networkMode: 'always' },
  },
});

/**
 * Reads again what `concerns` names. What is on its way for the first time may have been asked before the change that this is about, and would stay as it
 * is: it is asked anew as well, which TanStack Query does only for what has been read before.
 */
export async function readAgain(client: QueryClient, concerns: (query: Query) => boolean): Promise<void> {
  await client.cancelQueries({ predicate: (query) => query.state.data === undefined && concerns(query) });
  await client.invalidateQueries({ predicate: concerns });
}

/** A write with its message; the lists named in `refresh` (first parts of query keys) are read again. */
export function useWrite<Input, Output>(options: {
  readonly write: (input: Input) => Promise<Output>;
  readonly refresh: readonly string[];
  readonly done?: (output: Output, input: Input) => string | null;
  readonly after?: (output: Output, input: Input) => void;
  /** The page shows the error itself. */
  readonly quiet?: boolean;
}) {
  const client = useQueryClient();
  return useMutation<Output, Error, Input>({
    mutationFn: options.write,
    onSuccess: async (output, input) => {
      const message = options.done?.(output, input) ?? null;
      if (message !== null) notifications.show({ message, color: 'teal', closeButtonProps: CLOSE });
      await readAgain(client, ({ queryKey }) => options.refresh.includes(String(queryKey[0])));
      options.after?.(output, input);
    },
    onError: (error) => {
      if (!options.quiet)
        notifications.show({ title: titleOf(error), message: textOf(error), color: 'red', autoClose: 8_000, closeButtonProps: CLOSE });
    },
  });
}

/** A write that may take long. `cancel` ends it, at weir too, and the page forgets it. */
export function useLongWrite<Input, Output>({
  write,
  refresh,
}: {
  readonly write: (input: Input, signal: AbortSignal) => Promise<Output>;
  readonly refresh: readonly string[];
}) {
  const going = useRef<AbortController | null>(null);
  const { reset, ...mutation } = useWrite<Input, Output>({
    quiet: true,
    refresh,
    write: (input) => {
      going.current = new AbortController();
      return write(input, going.current.signal);
    },
  });
  return {
    ...mutation,
    cancel: () => {
      going.current?.abort();
      reset();
    },
  };
}

export function titleOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something went wrong on this page';
  if (error.isAway) return error.code === 'UI_SLOW' ? 'weir is slow' : 'weir is away';
  if (error.status === 501) return 'Not available in this setup';
  if (error.status === 403) return 'You may not do this';
  if (error.status === 404) return 'Not found';
  return error.status >= 500 ? 'weir could not do this' : 'weir refused this';
}

export function textOf(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const places = error.errors.map((one) => `${one.at}: ${one.message}`).join('\n');
  const text = places !== '' && !error.message.includes(error.errors[0]?.message ?? '') ? `${error.message}\n${places}` : error.message;
  return error.hint === undefined ? text : `${/[.!?]$/.test(text) ? text : `${text}.`} ${error.hint}`;
}
