import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';
import { isOurs } from './clicks.ts';

/**
 * A link for lists of hundreds on one page: the router's own watches the address, and so many of them hold a page up while it is drawn. `search`: filters of the page
 * it leads to.
 */
export function LightLink({
  to,
  search,
  children,
}: {
  readonly to: string;
  readonly search: Readonly<Record<string, string>>;
  readonly children: ReactNode;
}) {
  const { history } = useRouter();
  const href = `${to}?${new URLSearchParams(search)}`;
  const go = (event: MouseEvent<HTMLAnchorElement>) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    history.push(href);
  };
  return (
    <a href={href} onClick={go}>
      {children}
    </a>
  );
}
