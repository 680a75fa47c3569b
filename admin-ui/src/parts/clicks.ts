import type { MouseEvent } from 'react';

/** Whether a click on a link is for this page to answer; with a key held, the browser opens another tab or saves it. */
export const isOurs = (event: MouseEvent): boolean =>
  !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
