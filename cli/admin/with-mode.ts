import { parseAllDocuments } from 'yaml';

/** A policy text with another mode and roll-out percentage; comments and layout stay. */
export function withMode(text: string, mode: string, percentage: number | null): string {
  return parseAllDocuments(text)
    .map((document) => {
      document.set('mode', mode);
      if (percentage === null) document.delete('rollout');
      else document.set('rollout', percentage);
      return document.toString({ lineWidth: 0 });
    })
    .join('');
}
