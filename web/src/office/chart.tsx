import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { number, say } from '../kit/text'
import { Empty } from '../kit/ui'
import { office } from '../strings/office'

// Charts of lines and bars, drawn as SVG at the width they have. Each has a title, is read as one sentence by a screen reader, and
// has its figures in a table behind a disclosure.

export interface Series {
  readonly name: string
  readonly values: readonly (number | null)[]
  /** Of the palette below; in the order of the series unless given. */
  readonly color?: string
}

const palette = ['#0b4f9e', '#b4540a', '#0b6138', '#7a3d9c', '#5b6775', '#a3151c']
export const tint = { good: '#0b6138', bad: '#a3151c', warn: '#c58a1a', accent: '#0b4f9e', none: '#5b6775' } as const
const dashes = ['', '6 3', '2 3', '8 3 2 3', '1 2', '10 4']

/** Steps of 1, 2 or 5: a top above the largest value that is easy to divide. Of things that are counted half of it is a number of them, too. */
export function ceiling(most: number, whole = false): number {
  if (!(most > 0)) return whole ? 2 : 1
  const power = 10 ** Math.floor(Math.log10(most))
  for (const step of whole ? [2, 4, 6, 10] : [1, 2, 2.5, 5, 10]) if (most <= step * power) return step * power
  return 10 * power
}

const short = (v: number): string => number(Math.abs(v) >= 100 ? Math.round(v) : Math.round(v * 100) / 100)

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const at = useRef<HTMLDivElement>(null)
  const [width, set] = useState(0)
  useEffect(() => {
    const box = at.current
    if (!box) return
    const measure = (): void => set(Math.floor(box.clientWidth))
    measure()
    if (typeof ResizeObserver === 'undefined') return
    const o = new ResizeObserver(measure)
    o.observe(box)
    return () => o.disconnect()
  }, [])
  return [at, width]
}

function Frame({ title, series, labels, unit, summary, swatches, children }: { title: string; series: readonly Series[]; labels: readonly string[]; unit: string; summary: string; swatches?: 'line' | 'bar'; children: (width: number) => JSX.Element }): JSX.Element {
  const [box, width] = useWidth()
  const [open, setOpen] = useState(false)
  return (
    <figure class="o-chart">
      <figcaption>{title}{unit && <span class="small">{` · ${unit}`}</span>}</figcaption>
      {series.length > 1 && <ul class="o-legend">{series.map((s, i) => <li><i style={{ background: s.color ?? palette[i % palette.length] }} />{s.name}</li>)}</ul>}
      {labels.length === 0 && <Empty>{say(office.nothing)}</Empty>}
      <div ref={box} role="img" aria-label={`${title}: ${summary}`} data-kind={swatches}>{width > 0 && labels.length > 0 && children(width)}</div>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>{say(office.table)}</summary>
        {open && (
          <div class="o-scroll" tabIndex={0} role="region" aria-label={title}>
            <table>
              <thead><tr><th scope="col"><span class="sr">{title}</span></th>{series.map((s) => <th scope="col">{s.name}</th>)}</tr></thead>
              {/* What is newest is looked for first. */}
              <tbody>{labels.map((l, i) => <tr><th scope="row">{l}</th>{series.map((s) => <td>{s.values[i] === null || s.values[i] === undefined ? '—' : short(s.values[i])}</td>)}</tr>).reverse()}</tbody>
            </table>
          </div>
        )}
      </details>
    </figure>
  )
}

const left = 46
const bottom = 20
const top = 6

function Axes({ width, height, most, labels, centred = false }: { width: number; height: number; most: number; labels: readonly string[]; centred?: boolean }): JSX.Element {
  const inner = height - top - bottom
  const room = width - left - 4
  const every = Math.max(1, Math.ceil(labels.length / Math.max(1, Math.floor(room / 90))))
  const x = (i: number): number => (centred ? left + ((i + 0.5) * room) / labels.length : left + (i * room) / Math.max(1, labels.length - 1))
  return (
    <>
      {[0, 0.5, 1].map((part) => (
        <>
          <line class="grid" x1={left} x2={width} y1={top + inner * (1 - part)} y2={top + inner * (1 - part)} />
          <text x={left - 6} y={top + inner * (1 - part) + 4} text-anchor="end">{short(most * part)}</text>
        </>
      ))}
      {labels.map((l, i) => i % every === 0 && <text x={x(i)} y={height - 4} text-anchor={centred ? 'middle' : i === 0 ? 'start' : 'middle'}>{l}</text>)}
    </>
  )
}

function summaryOf(series: readonly Series[]): string {
  return series.map((s) => { const known = s.values.filter((v): v is number => v !== null); const last = known[known.length - 1]; return `${s.name} ${last === undefined ? '—' : short(last)} (≤ ${short(Math.max(0, ...known))})` }).join('; ')
}

/** Lines over time; a null is a gap. */
export function LineChart({ title, series, labels, unit = '', height = 150 }: { title: string; series: readonly Series[]; labels: readonly string[]; unit?: string; height?: number }): JSX.Element {
  const most = ceiling(Math.max(0, ...series.flatMap((s) => s.values.map((v) => v ?? 0))))
  return (
    <Frame title={title} series={series} labels={labels} unit={unit} summary={summaryOf(series)} swatches="line">
      {(width) => {
        const inner = height - top - bottom
        const room = width - left - 4
        const x = (i: number): number => left + (i * room) / Math.max(1, labels.length - 1)
        const y = (v: number): number => top + inner * (1 - v / most)
        const line = (values: readonly (number | null)[]): string => values.reduce((d, v, i) => (v === null ? d : `${d}${i === 0 || values[i - 1] === null ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`), '')
        return (
          <svg viewBox={`0 0 ${width} ${height}`} height={height} aria-hidden="true">
            <Axes width={width} height={height} most={most} labels={labels} />
            {series.map((s, i) => {
              const color = s.color ?? palette[i % palette.length]
              return (
                <>
                  {series.length === 1 && s.values.every((v) => v !== null) && s.values.length > 1 && <path d={`${line(s.values)}L${x(s.values.length - 1)} ${y(0)}L${x(0)} ${y(0)}Z`} fill={color} opacity=".08" />}
                  {s.values.map((v, k) => v !== null && (s.values[k - 1] ?? null) === null && (s.values[k + 1] ?? null) === null && <circle cx={x(k)} cy={y(v)} r="3" fill={color} />)}
                  <path class="line" d={line(s.values)} stroke={color} stroke-dasharray={dashes[i % dashes.length]} />
                </>
              )
            })}
          </svg>
        )
      }}
    </Frame>
  )
}

/** Bars side by side of what is counted, each of the series on top of another. */
export function BarChart({ title, series, labels, unit = '', height = 170 }: { title: string; series: readonly Series[]; labels: readonly string[]; unit?: string; height?: number }): JSX.Element {
  const sums = labels.map((_, i) => series.reduce((n, s) => n + (s.values[i] ?? 0), 0))
  const most = ceiling(Math.max(0, ...sums), true)
  const summary = series.map((s) => `${s.name} ${short(s.values.reduce<number>((n, v) => n + (v ?? 0), 0))}`).join('; ')
  return (
    <Frame title={title} series={series} labels={labels} unit={unit} summary={summary} swatches="bar">
      {(width) => {
        const inner = height - top - bottom
        const step = (width - left - 4) / Math.max(1, labels.length)
        const wide = Math.max(1, Math.min(36, step * 0.72))
        return (
          <svg viewBox={`0 0 ${width} ${height}`} height={height} aria-hidden="true">
            <Axes width={width} height={height} most={most} labels={labels} centred />
            {labels.map((_, i) => {
              let base = top + inner
              return series.map((s, k) => {
                const h = ((s.values[i] ?? 0) / most) * inner
                base -= h
                return h > 0 && <rect x={left + step * (i + 0.5) - wide / 2} y={base} width={wide} height={Math.max(1, h)} fill={s.color ?? palette[k % palette.length]} />
              })
            })}
          </svg>
        )
      }}
    </Frame>
  )
}

/** What is counted by name, the largest first: names and figures stand beside the bars, so that it is its own table. */
export function CountBars({ title, rows, most = 12, empty, colorOf }: { title: string; rows: readonly { readonly name: string; readonly count: number; readonly key?: string }[]; most?: number; empty?: string; colorOf?: (key: string) => string | undefined }): JSX.Element {
  const top = Math.max(1, ...rows.map((r) => r.count))
  return (
    <figure class="o-chart">
      <figcaption>{title}</figcaption>
      {rows.length === 0 ? <Empty>{empty ?? say(office.nothing)}</Empty> : (
        <div class="o-hbars" role="list">
          {rows.slice(0, most).map((r) => (
            <div role="listitem" style={{ display: 'contents' }}>
              <span>{r.name}</span>
              <span class="track" aria-hidden="true"><span class="fill" style={{ width: `${(100 * r.count) / top}%`, ...(colorOf?.(r.key ?? r.name) ? { background: colorOf(r.key ?? r.name) as string } : {}) }} /></span>
              <strong>{number(r.count)}</strong>
            </div>
          ))}
        </div>
      )}
    </figure>
  )
}
