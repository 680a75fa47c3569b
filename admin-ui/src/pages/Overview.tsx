import { Alert, Button, SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { Schemas } from '../api.ts';
import { FIRST_SPAN, overviewQuery } from '../overview.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { TrafficChart } from '../parts/Chart.tsx';
import { LightLink } from '../parts/LightLink.tsx';
import { Place, Score, Severity, Status } from '../parts/Marks.tsx';
import { ModeSwitch } from '../parts/ModeSwitch.tsx';
import { Card, Page } from '../parts/Page.tsx';
import { Time } from '../parts/Time.tsx';
import { count, duration, plural, short } from '../words.ts';

export function Overview() {
  const [filters, setFilters] = useFilters();
  const navigate = useNavigate();
  const span = filters.span ?? FIRST_SPAN;
  const overview = useQuery(overviewQuery(span));
  return (
    <Page
      title="Overview"
      actions={
        <>
          <Button variant="default" onClick={() => void navigate({ to: '/reports' })}>
            Report
          </Button>
          <SegmentedControl
            aria-label="Time span"
            value={span}
            onChange={(value) => setFilters({ span: value })}
            data={[
              { value: '1h', label: 'Last hour' },
              { value: '24h', label: '24 hours' },
              { value: '7d', label: '7 days' },
            ]}
          />
        </>
      }
    >
      <Await query={overview}>{(data) => <Numbers data={data} />}</Await>
    </Page>
  );
}

function Numbers({ data }: { readonly data: Schemas['Overview'] }) {
  const open = data.openIssues.reduce((sum, one) => sum + one.count, 0);
  const suspicious = data.topActors.filter((actor) => actor.score > 0);
  const urgent = data.openIssues
    .filter((one) => one.severity === 'critical' || one.severity === 'high')
    .reduce((sum, one) => sum + one.count, 0);
  return (
    <Stack gap="md">
      <Health health={data.health} />
      <div className="tiles">
        <Link to="/inventory" search={{ sort: '-requests' }} className="tile">
          <b>{short(data.totals.requests)}</b>
          <span>requests</span>
        </Link>
        <Link to="/policies" search={{ sort: '-hits' }} className="tile">
          <b>{short(data.totals.blocked)}</b>
          <span>blocked</span>
        </Link>
        <Link to="/policies" search={{ sort: '-hits' }} className="tile">
          <b>{short(data.totals.wouldBlock)}</b>
          <span>would have been blocked</span>
        </Link>
        <Link to="/inventory" search={{ sort: '-firstSeen' }} className="tile">
          <b>{count(data.endpoints.total)}</b>
          <span>endpoints, {count(data.endpoints.added)} new</span>
        </Link>
        <Link to="/issues" search={{ status: 'open,reopened' }} className="tile">
          <b>{count(open)}</b>
          <span>
            open {open === 1 ? 'issue' : 'issues'}, {count(urgent)} critical or high
          </span>
        </Link>
        <Link
          to="/inventory"
          search={{ sort: '-requests' }}
          className="tile"
          title={`${count(data.coverage.unmatched)} requests matched none`}
        >
          <b>{data.coverage.percent === null ? '–' : `${Math.round(data.coverage.percent)} %`}</b>
          <span>of traffic matched a known endpoint</span>
        </Link>
      </div>
      {data.totals.requests === 0 && data.endpoints.total === 0 ? (
        <Card title="No traffic yet">
          <Empty title="Send a request through the gateway">
            Point a client at the gateway's address instead of the API's, or{' '}
            <Link to="/sources">listen to a copy of the packets, or upload a recording</Link>. The first endpoint shows up here within two
            seconds.
          </Empty>
        </Card>
      ) : (
        <Card title="Requests over time">
          <TrafficChart points={data.traffic} fromMs={data.fromMs} toMs={data.toMs} stepMs={data.stepMs} />
        </Card>
      )}
      <div className="two">
        <Stack gap={14}>
          <Card title="Services" aside={<Link to="/sources">All</Link>}>
            {data.services.length === 0 && (
              <Empty title="No service yet">A service appears with its first request, or with an upstream in weir.yaml.</Empty>
            )}
            <ul className="plain-list">
              {data.services.map((service) => (
                <li key={service.name}>
                  <div className="grow">
                    <LightLink to="/inventory" search={{ service: service.name }}>
                      {service.name}
                    </LightLink>
                    <Text size="xs" c="dimmed">
                      <LightLink to="/inventory" search={{ service: service.name, sort: '-requests' }}>
                        {plural(service.requests, 'request')}
                      </LightLink>
                      ,{' '}
                      <LightLink to="/policies" search={{ sort: '-hits' }}>
                        {count(service.blocked)} blocked
                      </LightLink>
                      ,{' '}
                      <LightLink to="/issues" search={{ service: service.name, status: 'open,reopened' }}>
                        {plural(service.openIssues, 'open issue')}
                      </LightLink>
                    </Text>
                  </div>
                  <ModeSwitch service={service.name} mode={service.mode} />
                </li>
              ))}
            </ul>
          </Card>
          <Card title="Actors to look at" aside={<Link to="/actors">All</Link>}>
            {suspicious.length === 0 && (
              <Empty title="Nobody stands out">Whoever attacks or behaves oddly gets a score, with its reasons.</Empty>
            )}
            <ul className="plain-list">
              {suspicious.map((actor) => (
                <li key={actor.id}>
                  <Link to="/actors/$id" params={{ id: actor.id }} className="line">
                    <span className="cut grow">{actor.label}</span>
                    <Status value={actor.state} />
                    <Score value={actor.score} />
                  </Link>
                </li>
              ))}
            </ul>
          </Card>
          <Card title="Sensitive data in flight">
            {data.sensitiveData.length === 0 && (
              <Empty title="None seen">Data types such as card numbers, SSNs and API keys are recognised in requests and responses.</Empty>
            )}
            <ul className="plain-list">
              {data.sensitiveData.slice(0, 8).map((one) => (
                <li key={`${one.type} ${one.phase}`}>
                  <Link to="/inventory" search={{ dataType: one.type }} className="line">
                    <span className="grow">
                      {one.type} <span className="dimmed">in {one.phase}s</span>
                    </span>
                    <span className="num">{plural(one.count, 'value')}</span>
                  </Link>
                </li>
              ))}
            </ul>
          </Card>
        </Stack>
        <Stack gap={14}>
          <Card title="Open issues" aside={<Link to="/issues">All</Link>}>
            {open === 0 ? (
              <Empty title="No open issue">Policies, detectors and scans file issues here, with evidence.</Empty>
            ) : (
              <ul className="plain-list">
                {[...data.openIssues]
                  .filter((one) => one.count > 0)
                  .sort(bySeverity)
                  .map((one) => (
                    <li key={one.severity}>
                      <Link to="/issues" search={{ severity: one.severity, status: 'open,reopened' }} className="line">
                        <Severity value={one.severity} />
                        <span className="num">{count(one.count)}</span>
                      </Link>
                    </li>
                  ))}
              </ul>
            )}
          </Card>
          <Card
            title="New endpoints"
            aside={
              <Link to="/inventory" search={{ sort: '-firstSeen' }}>
                All
              </Link>
            }
          >
            {data.newEndpoints.length === 0 && <Empty title="None in this span">Choose a longer one above, or look at all of them.</Empty>}
            <ul className="plain-list">
              {data.newEndpoints.slice(0, 8).map((endpoint) => (
                <li key={endpoint.id}>
                  <Link to="/inventory/$id" params={{ id: endpoint.id }} className="cut">
                    <Place method={endpoint.method} template={endpoint.template} />
                  </Link>
                  <Time ms={endpoint.firstSeenMs} />
                </li>
              ))}
            </ul>
          </Card>
        </Stack>
      </div>
    </Stack>
  );
}

const ORDER = ['critical', 'high', 'medium', 'low', 'info'];
const bySeverity = (a: { severity: string }, b: { severity: string }) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity);

/** Whether what this page shows can be relied on. */
function Health({ health }: { readonly health: Schemas['Overview']['health'] }) {
  const numbers = `${health.dropped === 0 ? 'nothing dropped' : `${count(health.dropped)} dropped`}, stream lag ${duration(health.lagMs)}`;
  if (health.state === 'ok')
    return (
      <Link to="/sources" className="health">
        {health.sources === 0 ? 'Nothing has reported yet' : `All ${plural(health.sources, 'part')} of weir work: ${numbers}.`}
      </Link>
    );
  return (
    <Alert color="orange" title="weir needs a look">
      <ul className="keep-list">
        {health.reasons.slice(0, 4).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {numbers[0]!.toUpperCase()}
      {numbers.slice(1)}. <Link to="/sources">Open Sources</Link>
    </Alert>
  );
}
