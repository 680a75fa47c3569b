/** The filters of a page stand in its address. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

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

/** A choice that stands in the address: it shows in the next frame; the list, and all else that depends on the address, follows in those after it. */
export function useSoon<Value>(there: Value, change: (value: Value) => void): [Value, (value: Value) => void] {
  const [chosen, setChosen] = useState(there);
  useEffect(() => setChosen(there), [there]);
  return [
    chosen,
    (next) => {
      setChosen(next);
      requestAnimationFrame(() => setTimeout(change, 0, next));
    },
  ];
}
