/** The filters of a page stand in its address. */
import { useNavigate, useSearch } from '@tanstack/react-router';

type Filters = Readonly<Record<string, string | undefined>>;

/** All of them. */
export function useFilters(): [Filters, (change: Filters) => void] {
  return [useSearch({ strict: false }) as Filters, useSetFilters()];
}

/** One of them: what shows it is drawn again when that one changes, not with each. */
export function useFilter(name: string): [string | undefined, (value: string | undefined) => void] {
  const value = useSearch({ strict: false, select: (search) => (search as Filters)[name] });
  const setFilters = useSetFilters();
  return [value, (next) => setFilters({ [name]: next })];
}

function useSetFilters(): (change: Filters) => void {
  const navigate = useNavigate();
  return (change) => {
    const changed = (before: Filters) =>
      Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== ''));
    void navigate({ to: '.', search: changed, replace: true });
  };
}
