import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { FIRST_SPAN, overviewQuery } from './overview.ts';
import { Crash } from './parts/Await.tsx';
import { queries } from './queries.ts';
import { sessionQuery } from './session.ts';
import { NoSuchPage } from './shell/NoSuchPage.tsx';
import { Root } from './shell/Root.tsx';
import { Welcome } from './shell/Welcome.tsx';

/** Filters stand in the address as plain text; anything else there is dropped. */
function filters<Name extends string>(...names: readonly Name[]) {
  return (search: Record<string, unknown>): { [K in Name]?: string } => {
    const kept: { [K in Name]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (value !== undefined && value !== null && value !== '') kept[name] = String(value);
    }
    return kept;
  };
}

const root = createRootRoute({ component: Root, notFoundComponent: NoSuchPage });
const page = { getParentRoute: () => root };

const routes = [
  createRoute({ ...page, path: '/welcome', component: Welcome }),
  createRoute({
    ...page,
    path: '/',
    validateSearch: filters('span'),
    loaderDeps: ({ search }: { search: { span?: string } }) => ({ span: search.span ?? FIRST_SPAN }),
    // Not waited for: the page says how it went.
    loader: ({ deps }) => {
      if (queries.getQueryData(sessionQuery.queryKey) !== null) void queries.prefetchQuery(overviewQuery(deps.span));
    },
    component: lazyRouteComponent(() => import('./pages/Overview.tsx'), 'Overview'),
  }),
  createRoute({
    ...page,
    path: '/inventory',
    validateSearch: filters(
      'search',
      'service',
      'method',
      'access',
      'tag',
      'dataType',
      'field',
      'auth',
      'minRisk',
      'sort',
      'firstSeenAfterMs',
    ),
    component: lazyRouteComponent(() => import('./pages/Inventory.tsx'), 'Inventory'),
  }),
  createRoute({
    ...page,
    path: '/inventory/$id',
    validateSearch: filters('tab'),
    component: lazyRouteComponent(() => import('./pages/Endpoint.tsx'), 'Endpoint'),
  }),
  createRoute({
    ...page,
    path: '/issues',
    validateSearch: filters('search', 'status', 'severity', 'service', 'kind', 'owasp', 'assignee', 'endpointId', 'actorId', 'sort'),
    component: lazyRouteComponent(() => import('./pages/Issues.tsx'), 'Issues'),
  }),
  createRoute({ ...page, path: '/issues/$id', component: lazyRouteComponent(() => import('./pages/Issue.tsx'), 'Issue') }),
  createRoute({
    ...page,
    path: '/actors',
    validateSearch: filters('search', 'kind', 'state', 'minScore', 'sort'),
    component: lazyRouteComponent(() => import('./pages/Actors.tsx'), 'Actors'),
  }),
  createRoute({ ...page, path: '/actors/$id', component: lazyRouteComponent(() => import('./pages/Actor.tsx'), 'Actor') }),
  createRoute({
    ...page,
    path: '/blocklist',
    validateSearch: filters('tab', 'search', 'origin', 'kind', 'subject'),
    component: lazyRouteComponent(() => import('./pages/Blocklist.tsx'), 'Blocklist'),
  }),
  createRoute({
    ...page,
    path: '/policies',
    validateSearch: filters('search', 'origin', 'mode', 'sort'),
    component: lazyRouteComponent(() => import('./pages/Policies.tsx'), 'Policies'),
  }),
  createRoute({
    ...page,
    path: '/policies/$name',
    validateSearch: filters('issue', 'draft'),
    component: lazyRouteComponent(() => import('./pages/Policy.tsx'), 'Policy'),
  }),
  createRoute({
    ...page,
    path: '/scans',
    validateSearch: filters('tab', 'search', 'category', 'severity'),
    component: lazyRouteComponent(() => import('./pages/Scans.tsx'), 'Scans'),
  }),
  createRoute({
    ...page,
    path: '/scans/new',
    validateSearch: filters('service', 'endpointId'),
    component: lazyRouteComponent(() => import('./pages/NewScan.tsx'), 'NewScan'),
  }),
  createRoute({
    ...page,
    path: '/scans/runs/$id',
    validateSearch: filters('verdict'),
    component: lazyRouteComponent(() => import('./pages/ScanRun.tsx'), 'ScanRun'),
  }),
  createRoute({
    ...page,
    path: '/reports',
    validateSearch: filters('service', 'from', 'to'),
    component: lazyRouteComponent(() => import('./pages/Reports.tsx'), 'Reports'),
  }),
  createRoute({ ...page, path: '/sources', component: lazyRouteComponent(() => import('./pages/Sources.tsx'), 'Sources') }),
  createRoute({
    ...page,
    path: '/exchanges/$id',
    component: lazyRouteComponent(() => import('./pages/Exchange.tsx'), 'Exchange'),
  }),
  createRoute({
    ...page,
    path: '/settings',
    validateSearch: filters('tab', 'search', 'actor', 'action'),
    component: lazyRouteComponent(() => import('./pages/Settings.tsx'), 'Settings'),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([...routes]),
  defaultPreload: 'intent',
  defaultErrorComponent: Crash,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
