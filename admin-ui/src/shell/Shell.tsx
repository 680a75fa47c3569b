import {
  ActionIcon,
  Alert,
  AppShell,
  Burger,
  Group,
  Menu,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import {
  IconAlertTriangle,
  IconBan,
  IconDashboard,
  IconFileText,
  IconList,
  IconLogout,
  IconMoon,
  IconPlugConnected,
  IconRadar2,
  IconSettings,
  IconSun,
  IconUser,
  IconUsers,
} from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { answer, api } from '../api.ts';
import { listen, useLiveState } from '../live.ts';
import { Waiting } from '../parts/Await.tsx';
import { useWrite } from '../queries.ts';
import { type Session, sessionQuery } from '../session.ts';
import { Logo } from './Logo.tsx';
import { Shortcuts } from './Shortcuts.tsx';

/** Pages in their order; the key after "g" opens one. */
export const PAGES = [
  { to: '/', name: 'Overview', key: 'o', icon: IconDashboard },
  { to: '/inventory', name: 'Inventory', key: 'i', icon: IconList },
  { to: '/issues', name: 'Issues', key: 's', icon: IconAlertTriangle },
  { to: '/actors', name: 'Actors', key: 'a', icon: IconUsers },
  { to: '/blocklist', name: 'Blocklist', key: 'b', icon: IconBan },
  { to: '/policies', name: 'Policies', key: 'p', icon: IconFileText },
  { to: '/scans', name: 'Scans', key: 'c', icon: IconRadar2 },
  { to: '/sources', name: 'Sources', key: 'u', icon: IconPlugConnected },
  { to: '/settings', name: 'Settings', key: 't', icon: IconSettings },
] as const;

export function Shell({ session }: { readonly session: Session }) {
  const client = useQueryClient();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const live = useLiveState();
  const isOverview = useRouterState({ select: (state) => state.location.pathname === '/' });
  useEffect(() => listen(client), [client]);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 190, breakpoint: 'sm', collapsed: { mobile: !isOpen } }} padding="md">
      <a href="#main" className="skip">
        Skip to the page
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Link to="/" className="plain" aria-label="weir: overview">
              <Logo />
            </Link>
          </Group>
          <Group gap="sm" wrap="nowrap">
            <Tooltip label={live === 'live' ? 'This page follows weir as things change' : 'Trying to reach weir'}>
              <span className="live" data-state={live} role="status">
                {live === 'live' ? 'live' : live === 'connecting' ? 'connecting' : 'away'}
              </span>
            </Tooltip>
            <Shortcuts />
            <SchemeSwitch />
            <AccountMenu session={session} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        {PAGES.map((page) => (
          <Link key={page.to} to={page.to} className="nav" activeOptions={{ exact: page.to === '/', includeSearch: false }} onClick={close}>
            <page.icon size={18} aria-hidden />
            {page.name}
          </Link>
        ))}
        <Text size="xs" c="dimmed" mt="auto" px="xs">
          weir {session.version}
        </Text>
      </AppShell.Navbar>
      <AppShell.Main id="main">
        {live === 'away' && (
          <Alert color="orange" role="alert" icon={<IconPlugConnected />} mb="md" title="weir is away">
            This page does not get an answer at the moment and shows what it knew last. It goes on by itself as soon as weir is back.
          </Alert>
        )}
        {isOverview && !session.passwordSet && session.kind === 'user' && (
          <Alert color="blue" mb="md" variant="light" py="xs">
            You are signed in by a link that works once.{' '}
            <Link to="/settings" search={{ tab: 'account' }}>
              Set a password
            </Link>{' '}
            so that you can come back.
          </Alert>
        )}
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('dark');
  const other = scheme === 'dark' ? 'light' : 'dark';
  useHotkeys([['mod+J', () => setColorScheme(other)]]);
  return (
    <Tooltip label={`Switch to ${other}`}>
      <ActionIcon variant="default" size="lg" aria-label={`Switch to ${other} colours`} onClick={() => setColorScheme(other)}>
        {scheme === 'dark' ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

function AccountMenu({ session }: { readonly session: Session }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = useWrite({
    refresh: [],
    write: () => answer(api.DELETE('/api/v1/session')),
    after: () => {
      client.setQueryData(sessionQuery.queryKey, null);
      // Nothing of what this person saw stays for the next one. The session itself is watched by the page and must not go.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
    },
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={`Account of ${session.name}`}>
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.name}, {session.role}
        </Menu.Label>
        <Menu.Item leftSection={<IconSettings size={16} />} onClick={() => void navigate({ to: '/settings', search: { tab: 'account' } })}>
          Password
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate(undefined)}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
