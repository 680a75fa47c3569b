/** The kinds of integrations. One file each; the list here is the only registration, in the order in which people see it. */
import { type KnownIntegration, known } from '../integration.js';
import { elasticsearch } from './elasticsearch.js';
import { jira } from './jira.js';
import { microsoftTeams } from './microsoft-teams.js';
import { pagerduty } from './pagerduty.js';
import { servicenow } from './servicenow.js';
import { slack } from './slack.js';
import { splunk } from './splunk.js';
import { syslog } from './syslog.js';
import { webhook } from './webhook.js';

export const integrations: readonly KnownIntegration[] = [
  known(webhook),
  known(syslog),
  known(slack),
  known(microsoftTeams),
  known(jira),
  known(servicenow),
  known(pagerduty),
  known(splunk),
  known(elasticsearch),
];
