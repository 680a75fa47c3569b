import { ActionIcon, Kbd, Modal, Table, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKeyboard } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { PAGES } from './Shell.tsx';

const SEQUENCE_MS = 1_200;

/** Keys that work on every page: "g" and a letter opens a page, "/" goes to the search, "?" shows this list. */
export function Shortcuts() {
  const [isOpen, { open, close }] = useDisclosure(false);
  const navigate = useNavigate();
  useEffect(() => {
    let goingSinceMs = 0;
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
        return;
      const page = Date.now() - goingSinceMs < SEQUENCE_MS ? PAGES.find((one) => one.key === event.key) : undefined;
      goingSinceMs = event.key === 'g' ? Date.now() : 0;
      if (page !== undefined) void navigate({ to: page.to });
      else if (event.key === '?') open();
      else if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('.search input')?.focus();
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [navigate, open]);
  return (
    <>
      <Tooltip label="Keyboard shortcuts (?)">
        <ActionIcon variant="default" size="lg" aria-label="Keyboard shortcuts" onClick={open} visibleFrom="sm">
          <IconKeyboard size={18} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={isOpen} onClose={close} title="Keyboard shortcuts" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Table>
          <Table.Tbody>
            {PAGES.map((page) => (
              <Table.Tr key={page.to}>
                <Table.Td>{page.name}</Table.Td>
                <Table.Td>
                  <Kbd>g</Kbd> <Kbd>{page.key}</Kbd>
                </Table.Td>
              </Table.Tr>
            ))}
            {[
              ['Search on this page', '/'],
              ['Next and previous row, open', '↓ ↑ Enter'],
              ['Dark or light', 'Ctrl J'],
              ['This list', '?'],
            ].map(([name, keys]) => (
              <Table.Tr key={name}>
                <Table.Td>{name}</Table.Td>
                <Table.Td>
                  <Kbd>{keys}</Kbd>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Modal>
    </>
  );
}
