import { Button, Group, Modal, SegmentedControl, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { Status } from './Marks.tsx';

type Mode = Schemas['Mode'];

const MEANING: Record<Mode, string> = {
  enforce: 'Decisions act: what a policy blocks gets a block page, and clients on the blocklist are refused.',
  observe: 'Nothing is blocked. What would have been is counted and shown.',
  mirror:
    'weir steps out of the path: the gateway passes everything through unseen, and weir learns from packets instead. Say on the Sources page what to listen to.',
};

export const modeText = (mode: Schemas['ServiceMode']) =>
  mode.request === mode.response ? mode.request : `${mode.request} / ${mode.response}`;

/** Switches a service between enforce, observe and mirror, after a word on what that means. */
export function ModeSwitch({ service, mode }: { readonly service: string; readonly mode: Schemas['ServiceMode'] }) {
  const [isOpen, setOpen] = useState(false);
  // Stays while the dialog fades out, so that its text does not change under the reader.
  const [wanted, setWanted] = useState<Mode>('observe');
  const close = () => setOpen(false);
  const may = useMay('admin');
  const write = useWrite({
    refresh: ['services', 'overview', 'sources'],
    write: (next: Mode) => answer(api.PUT('/api/v1/services/{name}/mode', { params: { path: { name: service } }, body: { mode: next } })),
    done: (next) => `${service} is in ${modeText(next)} now.`,
    after: close,
  });
  if (!may) return <Status value={modeText(mode)} />;
  return (
    <>
      <SegmentedControl
        size="xs"
        aria-label={`Mode of ${service}`}
        data={['observe', 'enforce', 'mirror']}
        value={mode.request === mode.response ? mode.request : ''}
        onChange={(value) => {
          setWanted(value as Mode);
          setOpen(true);
        }}
      />
      <Modal opened={isOpen} onClose={close} title={`Switch ${service} to ${wanted}?`} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">{MEANING[wanted]}</Text>
          <Text size="sm" c="dimmed">
            Every gateway follows at once. It is {modeText(mode)} now.
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button loading={write.isPending} onClick={() => write.mutate(wanted)}>
              Switch to {wanted}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
