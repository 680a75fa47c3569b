import type { Route } from '../route.js';
import { accountRoutes } from './accounts.js';
import { actorRoutes } from './actors.js';
import { authContextRoutes } from './auth-contexts.js';
import { blockRoutes } from './blocks.js';
import { endpointRoutes } from './endpoints.js';
import { exchangeRoutes } from './exchanges.js';
import { incidentRoutes } from './incidents.js';
import { findingRoutes, issueRoutes } from './issues.js';
import { liveRoutes } from './live.js';
import { overviewRoutes } from './overview.js';
import { policyRoutes } from './policies.js';
import { redactionRoutes } from './redaction.js';
import { reportRoutes } from './reports.js';
import { scanRoutes } from './scans.js';
import { serviceRoutes } from './services.js';
import { sessionRoutes } from './sessions.js';
import { settingRoutes } from './settings.js';
import { sourceRoutes } from './sources.js';

/** Every operation of the API, in the order of the document. */
export const ROUTES: readonly Route[] = [
  ...sessionRoutes,
  ...overviewRoutes,
  ...serviceRoutes,
  ...endpointRoutes,
  ...exchangeRoutes,
  ...issueRoutes,
  ...findingRoutes,
  ...actorRoutes,
  ...blockRoutes,
  ...incidentRoutes,
  ...policyRoutes,
  ...scanRoutes,
  ...authContextRoutes,
  ...sourceRoutes,
  ...settingRoutes,
  ...redactionRoutes,
  ...accountRoutes,
  ...reportRoutes,
  ...liveRoutes,
];
