import { useElementSize } from '@mantine/hooks';
import { useState } from 'react';
import type { Schemas } from '../api.ts';
import { clockTime, count, dateTime, short, shortDateTime, utc } from '../words.ts';

type Point = Schemas['TrafficPoint'];

const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;

/** Requests as bars over time, what was blocked or would have been on top of them. Gaps in the counters are drawn as zero. */
export function TrafficChart({
  points,
  fromMs,
  toMs,
  stepMs,
}: {
  readonly points: readonly Point[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const [hovered, setHovered] = useState<number | null>(null);
  const first = Math.floor(fromMs / stepMs) * stepMs;
  const slots = Math.max(1, Math.floor((toMs - first) / stepMs) + 1);
  const byBucket = new Map(points.map((point) => [Math.floor(point.bucketMs / stepMs) * stepMs, point]));
  const top = niceTop(Math.max(1, ...points.map((point) => point.requests)));
  const inner = Math.max(1, width - LEFT);
  const slotWidth = inner / slots;
  const y = (value: number) => (HEIGHT - BOTTOM) * (1 - value / top) + 4;
  const base = y(0);
  const ticks = slots < 6 ? slots : 5;
  const shown = hovered === null ? null : { ms: first + hovered * stepMs, point: byBucket.get(first + hovered * stepMs) };
  const total = points.reduce((sum, point) => sum + point.requests, 0);
  return (
    <div ref={ref} className="chart">
      <svg
        width={width}
        height={HEIGHT + 8}
        role="img"
        aria-label={`${count(total)} requests between ${dateTime(fromMs)} and ${dateTime(toMs)}, at most ${count(Math.max(0, ...points.map((point) => point.requests)))} in one bar`}
        onMouseLeave={() => setHovered(null)}
        onMouseMove={(event) => {
          const at = Math.floor((event.nativeEvent.offsetX - LEFT) / slotWidth);
          setHovered(at >= 0 && at < slots ? at : null);
        }}
      >
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line x1={LEFT} x2={width} y1={y(top * part)} y2={y(top * part)} className="grid" />
            <text x={LEFT - 6} y={y(top * part) + 4} textAnchor="end">
              {short(top * part)}
            </text>
          </g>
        ))}
        {hovered !== null && <rect x={LEFT + hovered * slotWidth} y={4} width={slotWidth} height={base - 4} className="hovered" />}
        {Array.from({ length: slots }, (_, slot) => {
          const point = byBucket.get(first + slot * stepMs);
          if (point === undefined || point.requests === 0) return null;
          const x = LEFT + slot * slotWidth + slotWidth * 0.1;
          const w = Math.max(1, slotWidth * 0.8);
          const blocked = point.blocked;
          const would = Math.min(point.wouldBlock, point.requests - blocked);
          return (
            <g key={point.bucketMs}>
              <rect x={x} y={y(point.requests)} width={w} height={Math.max(1, base - y(point.requests))} className="requests" />
              {would > 0 && <rect x={x} y={y(blocked + would)} width={w} height={y(blocked) - y(blocked + would)} className="would" />}
              {blocked > 0 && <rect x={x} y={y(blocked)} width={w} height={base - y(blocked)} className="blocked" />}
            </g>
          );
        })}
        {Array.from({ length: ticks }, (_, tick) => {
          const ms = first + ((toMs - first) * tick) / ticks;
          return (
            <text key={ms} x={LEFT + (inner * tick) / ticks} y={HEIGHT + 4}>
              {toMs - fromMs > 36 * 3_600_000 ? shortDateTime(ms) : clockTime(ms)}
            </text>
          );
        })}
      </svg>
      <div className="legend" aria-live="off">
        {shown === null ? (
          <>
            <span className="key requests">requests</span>
            <span className="key blocked">blocked</span>
            <span className="key would">would have been blocked</span>
          </>
        ) : (
          <span title={utc(shown.ms)}>
            {dateTime(shown.ms)}: {count(shown.point?.requests ?? 0)} requests, {count(shown.point?.blocked ?? 0)} blocked,{' '}
            {count(shown.point?.wouldBlock ?? 0)} would have been, {count(shown.point?.status5xx ?? 0)} server errors
          </span>
        )}
      </div>
    </div>
  );
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 4, 5, 10];
  return (steps.find((step) => step * power >= value) ?? 10) * power;
}

export function Spark({ points }: { readonly points: readonly { readonly bucketMs: number; readonly requests: number }[] | undefined }) {
  if (points === undefined || points.length === 0) return <span className="dimmed small">no traffic today</span>;
  const top = Math.max(1, ...points.map((point) => point.requests));
  const total = points.reduce((sum, point) => sum + point.requests, 0);
  const from = points[0]!.bucketMs;
  const span = Math.max(1, points.at(-1)!.bucketMs - from);
  // One line up and down for all bars: a table full of these would else have thousands of elements.
  const bars = points
    .map(
      (point) => `M${(1.5 + (86 * (point.bucketMs - from)) / span).toFixed(1)} 19v-${Math.max(1, (18 * point.requests) / top).toFixed(1)}`,
    )
    .join('');
  return (
    <svg className="spark" viewBox="0 0 90 20" width={90} height={20} role="img" aria-label={`${count(total)} requests`}>
      <path d={bars} />
    </svg>
  );
}
