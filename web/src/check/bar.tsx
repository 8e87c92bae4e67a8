import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { sentence } from '@showcard/sdk'
import { type Pair, pick, say, when } from '../kit/text'
import { Button, Notice } from '../kit/ui'
import { type Catalogue, labels, typeOf } from '../kit/values'
import type { Self } from '../kit/workstation'
import { wordOf, markOf } from '../kit/outcome'
import { check } from '../strings/check'
import { type Settings, tally } from './settings'
import type { Odd, Standby } from './standby'

/** Draws again every so often, for what says how long ago something was. */
function useMinutes(): void {
  const [, draw] = useState(0)
  useEffect(() => { const t = setInterval(() => draw((n) => n + 1), 30_000); return () => clearInterval(t) }, [])
}

function ago(at: Date): string {
  const minutes = Math.max(0, Math.floor((Date.now() - at.getTime()) / 60_000))
  if (minutes < 2) return say(check.ageNow)
  if (minutes < 120) return say(check.ageMinutes, { n: minutes })
  return minutes < 1440 ? say(check.ageHours, { n: Math.floor(minutes / 60) }) : say(check.ageDays)
}

/** Who checks, what for, and how this counter stands: always in sight. */
export function Bar({ self, settings, standby, types, keep, change }: { self: Self; settings: Settings; standby: Standby; types: Catalogue | undefined; keep: (s: Settings) => void; change: () => void }): JSX.Element {
  useMinutes()
  const t = tally()
  const purpose = self.party?.purposes.find((p) => p.code === settings.purpose)
  const age = standby.age()
  return (
    <section class="c-bar panel" aria-label={say(check.setup)}>
      <div class="c-who">
        <strong>{settings.counter || pick(self.party?.name)}</strong>
        <span>{[settings.counter && pick(self.party?.name), pick(purpose?.name) || settings.purpose].filter(Boolean).join(' · ')}</span>
        {settings.fields.length > 0 && <span class="c-asking">{say(check.asking)} {types ? labels(typeOf(types, settings.type), settings.fields) : settings.fields.join(' ')}</span>}
      </div>
      <ul class="c-chips">
        <li class={`c-chip ${standby.online ? 'good' : 'bad'}`} id="line"><Dot on={standby.online} />{say(standby.online ? check.online : check.offline)}</li>
        {settings.offline && standby.settled && <li class={`c-chip ${age === 'fresh' ? '' : 'warn'}`} id="bundle">{standby.asOf ? say(check.bundleAge, { age: ago(standby.asOf) }) : say(check.bundleNone)}</li>}
        {standby.waiting > 0 && <li class="c-chip warn" id="waiting">{say(check.waiting, { n: standby.waiting })}</li>}
        <li class="c-chip" id="today" title={say(check.todayWhy, t as unknown as Record<string, number>)}>{say(check.todayCount, { n: t.valid + t.invalid + t.indeterminate })}</li>
      </ul>
      <div class="c-tools">
        <Button kind="quiet" aria-pressed={!settings.muted} id="sound" onClick={() => keep({ ...settings, muted: !settings.muted })}>{say(settings.muted ? check.soundOff : check.soundOn)}</Button>
        <Button kind="quiet" id="change" onClick={change}>{say(check.settings)}</Button>
      </div>
    </section>
  )
}

function Dot({ on }: { on: boolean }): JSX.Element {
  return <svg class="c-dot" viewBox="0 0 10 10" aria-hidden="true">{on ? <circle cx="5" cy="5" r="4.5" /> : <path d="M1 1l8 8M9 1l-8 8" stroke="currentColor" stroke-width="2.4" />}</svg>
}

/** What a clerk must know before the next scan. */
export function Warnings({ standby, settings }: { standby: Standby; settings: Settings }): JSX.Element {
  useMinutes()
  const age = standby.age()
  const clock = Math.abs(standby.ahead) > 45_000
  const say2 = (tone: 'warn' | 'bad', title: Pair, next: Pair): JSX.Element => <Notice tone={tone} live><p><strong>{say(title)}</strong> {say(next)}</p></Notice>
  return (
    <>
      {!standby.online && (settings.offline && (age === 'fresh' || age === 'old') ? say2('warn', check.goneTitle, check.goneNext) : say2('bad', check.goneNoBundle, check.goneNoBundleNext))}
      {settings.offline && age === 'old' && say2('warn', check.bundleOld, check.bundleOldNext)}
      {settings.offline && age === 'expired' && say2('bad', check.bundleExpired, check.bundleExpiredNext)}
      {settings.offline && standby.online && standby.trouble !== undefined && say2('warn', check.bundleTrouble, check.bundleTroubleNext)}
      {clock && (
        <Notice tone="warn" live>
          <p><strong>{say(check.clockWrong, { way: say(standby.ahead > 0 ? check.clockFast : check.clockSlow), n: Math.max(1, Math.round(Math.abs(standby.ahead) / 60_000)) })}</strong> {say(check.clockNext)}</p>
        </Notice>
      )}
      {standby.unsaved > 0 && <Notice tone="bad"><p><strong>{say(check.storageFull, { n: standby.unsaved })}</strong> {say(check.storageNext)}</p></Notice>}
      {standby.odd.length > 0 && <Odds standby={standby} />}
    </>
  )
}

/** Checks that came back at odds: they stay until somebody has looked at each. */
function Odds({ standby }: { standby: Standby }): JSX.Element {
  return (
    <section class="notice bad c-odds" id="odd" aria-labelledby="odd-h">
      <h2 id="odd-h">{say(check.oddTitle, { n: standby.odd.length })}</h2>
      <p>{say(check.oddIntro)}</p>
      <ul>{standby.odd.map((o) => <OddOne key={o.name} odd={o} looked={() => void standby.looked(o.name)} />)}</ul>
    </section>
  )
}

function OddOne({ odd, looked }: { odd: Odd; looked: () => void }): JSX.Element {
  const { settled } = odd
  const codes = [...settled.conflicts, ...(settled.state === 'refused' ? settled.reasons : [])]
  return (
    <li>
      <p>{say(check.oddSaid, { at: when(odd.at), word: say(wordOf(markOf(odd.said))) })}{settled.state === 'refused' && ` · ${say(check.oddRefused)}`}</p>
      {codes.map((code) => { const s = sentence(code); return <p key={code}><strong>{s ? pick(s.title) : code}</strong> {s && pick(s.next)}</p> })}
      <p class="row apart"><span class="small mono">{settled.id ?? settled.proof}</span><Button kind="quiet" onClick={looked}>{say(check.oddLooked)}</Button></p>
    </li>
  )
}
