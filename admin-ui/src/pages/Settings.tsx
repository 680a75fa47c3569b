import { Tabs } from '@mantine/core';
import { AuthContexts } from '../parts/AuthContexts.tsx';
import { useFilters } from '../parts/address.ts';
import { Page } from '../parts/Page.tsx';
import { useMay } from '../session.ts';
import { Account } from './settings/Account.tsx';
import { Audit } from './settings/Audit.tsx';
import { DataTypes } from './settings/DataTypes.tsx';
import { Integrations } from './settings/Integrations.tsx';
import { Redaction } from './settings/Redaction.tsx';
import { Retention } from './settings/Retention.tsx';
import { Tokens } from './settings/Tokens.tsx';
import { Users } from './settings/Users.tsx';

const TABS = [
  { value: 'account', name: 'Your account', part: Account, admin: false },
  { value: 'users', name: 'Users', part: Users, admin: true },
  { value: 'tokens', name: 'Tokens', part: Tokens, admin: false },
  { value: 'data-types', name: 'Data types', part: DataTypes, admin: false },
  { value: 'auth-contexts', name: 'Auth contexts', part: AuthContexts, admin: false },
  { value: 'integrations', name: 'Integrations', part: Integrations, admin: false },
  { value: 'redaction', name: 'Redaction', part: Redaction, admin: false },
  { value: 'retention', name: 'Retention', part: Retention, admin: false },
  { value: 'audit', name: 'Audit log', part: Audit, admin: true },
] as const;

export function Settings() {
  const [filters, setFilters] = useFilters();
  const isAdmin = useMay('admin');
  const tabs = TABS.filter((tab) => isAdmin || !tab.admin);
  return (
    <Page title="Settings">
      <Tabs
        value={filters.tab ?? 'account'}
        onChange={(tab) => setFilters({ tab: tab ?? undefined, search: undefined, actor: undefined, action: undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map((tab) => (
            <Tabs.Tab key={tab.value} value={tab.value}>
              {tab.name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map((tab) => (
          <Tabs.Panel key={tab.value} value={tab.value}>
            <tab.part />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}
