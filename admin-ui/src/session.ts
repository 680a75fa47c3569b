import { queryOptions, useQuery } from '@tanstack/react-query';
import { ApiError, answer, api, rememberCsrf, type Schemas } from './api.ts';

export type Session = Schemas['Session'];
export type Role = Schemas['Role'];

/** null: nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async (): Promise<Session | null> => {
    try {
      return keepSession(await answer(api.GET('/api/v1/session')));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
});

export function keepSession(session: Session): Session {
  rememberCsrf(session.csrf);
  return session;
}

export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

const RANK: Record<Role, number> = { viewer: 0, analyst: 1, admin: 2 };

/** Whether the person may do what needs `role`. The server decides; this only greys out. */
export function useMay(role: Role): boolean {
  const session = useSession();
  return session !== null && RANK[session.role] >= RANK[role];
}
