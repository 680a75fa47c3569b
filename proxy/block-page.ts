import { type HeaderList, header } from '../exchange/index.js';
import { FAULTS, type FaultCode } from './errors.js';
import type { ServiceConfig } from './options.js';

/** A whole answer that the gateway makes itself. */
export interface Page {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

/** What a refused client is told. Nothing here depends on which rule fired or what it matched. */
export interface Refusal {
  readonly status: number;
  readonly title: string;
  /** Stable code for programs. */
  readonly code: string;
  readonly incident: string;
  readonly requestId: string;
  readonly retryAfterS?: number;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Authentication is required',
  403: 'Access denied',
  404: 'Not found',
  413: 'The request body is too large',
  429: 'Too many requests',
  451: 'Unavailable for legal reasons',
};

/** Title for a status that a policy chose. */
export function titleOf(status: number): string {
  return TITLES[status] ?? 'Access denied';
}

/** The refusal that belongs to a fault. */
export function faultRefusal(code: FaultCode, requestId: string, incident: string): Refusal {
  return { status: FAULTS[code].status, title: FAULTS[code].title, code, incident, requestId };
}

/** The answer: problem document (RFC 9457) by default, HTML when the client prefers it, or the service's own template. */
export function pageFor(refusal: Refusal, requestHeaders: HeaderList, custom: ServiceConfig['blockPage'] | null): Page {
  const html = prefersHtml(header(requestHeaders, 'accept'));
  const template = html ? custom?.html : custom?.json;
  let type: string;
  let text: string;
  if (html) {
    type = 'text/html; charset=utf-8';
    text = fill(template ?? DEFAULT_HTML, refusal, escapeHtml);
  } else if (template !== undefined) {
    type = 'application/json';
    text = fill(template, refusal, (value) => JSON.stringify(value).slice(1, -1));
  } else {
    type = 'application/problem+json';
    text = JSON.stringify({
      type: 'about:blank',
      title: refusal.title,
      status: refusal.status,
      code: refusal.code,
      ...(refusal.incident === '' ? {} : { incident: refusal.incident }),
      requestId: refusal.requestId,
    });
  }
  const body = Buffer.from(text);
  const headers = [
    'content-type',
    type,
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
  ];
  if (html) headers.push('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
  if (refusal.requestId !== '') headers.push('x-request-id', refusal.requestId);
  if (refusal.retryAfterS !== undefined && refusal.retryAfterS > 0) headers.push('retry-after', String(Math.ceil(refusal.retryAfterS)));
  return { status: refusal.status, headers, body };
}

/** True when the Accept header ranks text/html above JSON (RFC 9110 §12.5.1). No preference means no. */
export function prefersHtml(accept: string | null): boolean {
  if (accept === null || !accept.includes('html')) return false;
  let html = 0;
  let json = 0;
  for (const part of accept.split(',')) {
    const [type, ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
    const q = parameters.find((one) => one.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2)) || 0;
    if (type === 'text/html' || type === 'application/xhtml+xml') html = Math.max(html, weight);
    else if (type === 'application/json' || type.endsWith('+json')) json = Math.max(json, weight);
  }
  return html > 0 && html >= json;
}

function fill(template: string, refusal: Refusal, quote: (value: string) => string): string {
  return template.replace(/\{\{\s*(incident|status|title|requestId)\s*\}\}/g, (_, name: 'incident' | 'status' | 'title' | 'requestId') =>
    quote(String(refusal[name])),
  );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const DEFAULT_HTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{title}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#1a1a1a}code{background:#f2f2f2;padding:.1rem .4rem;border-radius:4px}</style>
</head><body><h1>{{title}}</h1><p>If you think this is a mistake, tell the operator of this service this id:</p><p><code>{{incident}}</code></p></body></html>
`;
