import { Button, Group, Progress, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { duration } from '../words.ts';

/** Long work of unknown length: what is done, since when, and how to end it. */
export function Working({ text, cancel }: { readonly text: string; readonly cancel: () => void }) {
  const [sinceMs] = useState(Date.now);
  const [nowMs, setNowMs] = useState(sinceMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <div>
      <Progress aria-label={text} value={100} animated />
      <Group justify="space-between" mt={6}>
        <Text size="sm" c="dimmed">
          {text}: {duration(nowMs - sinceMs)} so far
        </Text>
        <Button size="compact-xs" variant="default" onClick={cancel}>
          Cancel
        </Button>
      </Group>
    </div>
  );
}
