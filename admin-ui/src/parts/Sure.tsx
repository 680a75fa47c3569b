import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';

interface SureProps extends Pick<ButtonProps, 'size' | 'disabled'> {
  /** On the button, and on the one that does it. */
  readonly verb: string;
  /** What it is about; names the button for screen readers. */
  readonly what: string;
  /** What happens then. */
  readonly text: string;
  readonly busy: boolean;
  readonly run: () => void;
}

/** A button for what cannot be taken back: asks once, in words that say what happens. */
export function Sure({ verb, what, text, busy, run, size = 'compact-xs', disabled = false }: SureProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size={size} variant="default" disabled={disabled} aria-label={`${verb} ${what}`} onClick={open}>
        {verb}
      </Button>
      <Modal opened={isOpen} onClose={close} title={`${verb} ${what}?`} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">{text}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button
              color="red"
              loading={busy}
              onClick={() => {
                run();
                close();
              }}
            >
              {verb}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
