import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { current } from '../kit/prefs'
import { pick, say } from '../kit/text'
import { Heading } from '../kit/ui'
import { type Catalogue, labels, typeOf } from '../kit/values'
import { wallet } from '../strings/wallet'
import { Chip, paint } from './cards'
import { later } from './later'
import type { End, Show, Shown } from './show'

const Asks = later(() => import('./ask').then((m) => m.Asks), true)
const Notes = later(() => import('./notes').then((m) => m.CodeNotes), true)
const Spoken = later(() => import('./spoken').then((m) => m.SpokenCode), true)

// Codes are drawn on this device: that is a request less for each, and the only way without a network. What draws weighs as much as
// a quarter of this page, so the very first code is drawn by the server, where that is nearer.
type Draw = (p: { text: string; label: string }) => JSX.Element
let draws: Draw | undefined
const fetchDraw = (): Promise<void> => import('../kit/qrcode').then((m) => { draws = m.QRCode })

function Picture({ code, drawn }: { code: Shown; drawn: () => void }): JSX.Element | null {
  const [turn, again] = useState(0)
  const By = useMemo(() => draws, [code.text, turn])
  const own = code.kind === 'offline' || !code.svg || Boolean(navigator.serviceWorker?.controller)
  const fetch = (): void => { fetchDraw().then(() => again((n) => n + 1), () => undefined) }
  useEffect(() => { if (By) drawn(); else if (own) fetch() }, [By, code.text])
  if (By) return <By text={code.text} label={say(wallet.codeLabel)} />
  if (own) return null
  return <img src={code.svg} alt={say(wallet.codeLabel)} onLoad={() => { drawn(); void fetchDraw().catch(() => undefined) }} onError={fetch} />
}

/** Has the component drawn again whenever the showing says so. */
function useShow(show: Show): void {
  const [, again] = useState(0)
  useEffect(() => show.watch(() => again((n) => n + 1)), [show])
}

// How much of its life a code has left: a frame around it that runs down, so that it need not be looked for.
function Ring({ part, low }: { part: number; low: boolean }): JSX.Element {
  return (
    <svg class={`w-ring${low ? ' low' : ''}`} viewBox="0 0 100 100" aria-hidden="true" focusable="false">
      <path class="track" d="M50 1.5H92a6.5 6.5 0 0 1 6.5 6.5V92a6.5 6.5 0 0 1-6.5 6.5H8A6.5 6.5 0 0 1 1.5 92V8A6.5 6.5 0 0 1 8 1.5z" />
      {part > 0 && <path class="rest" pathLength="100" stroke-dasharray={`${Math.max(0, Math.min(100, 100 * part))} 101`} d="M50 1.5H92a6.5 6.5 0 0 1 6.5 6.5V92a6.5 6.5 0 0 1-6.5 6.5H8A6.5 6.5 0 0 1 1.5 92V8A6.5 6.5 0 0 1 8 1.5z" />}
    </svg>
  )
}

/** The code, as large as the screen is wide, and around it only what she has to know. */
export function CodeView({ show, c, ended, close }: { show: Show; c: Catalogue; ended: (end: End) => void; close: () => void }): JSX.Element {
  useShow(show)
  useEffect(() => { if (show.end) ended(show.end) })
  const [missing, miss] = useState(false)
  const { holding, view, purpose } = show.order
  const type = typeOf(c, holding.type, holding.version)
  // What is dead is not drawn, and on a page that nobody looks at nothing is: that is the picture which the list of open apps keeps.
  const left = show.left()
  const code = !document.hidden && left > 0 ? show.code : undefined
  const offline = code?.kind === 'offline'
  const seen = code !== undefined
  // What comes with a code comes after it.
  const [drawn, draw] = useState(false)
  const care = current().mode === 'care'
  useEffect(() => {
    document.documentElement.classList.add('w-full')
    return () => document.documentElement.classList.remove('w-full')
  }, [])
  useEffect(() => { if (seen) { void import('./done').catch(() => undefined); void import('./offline').catch(() => undefined) } }, [seen])
  const force = (on: boolean): void => {
    miss(false)
    void show.force(on).then((there) => { if (!there) { miss(true); void show.force(false) } })
  }
  const chosen = holding.views.find((v) => v.name === view)
  return (
    <section class="w-show" style={care ? {} : paint(holding)}>
      <div class="w-show-top">
        <div class="grow"><Heading>{pick(holding.name)}</Heading><p>{chosen ? pick(chosen.label) : say(wallet.ownChoice)}</p></div>
        {show.code && <Chip on={!offline} code />}
      </div>
      {show.id && drawn && <Asks show={show} type={type} />}
      <div class="w-pane">
        <div class="w-qr">
          <Ring part={code ? left / code.life : 0} low={left < 5000} />
          <div class="w-picture">
            {code ? <Picture code={code} drawn={() => draw(true)} /> : (
              <p class="w-cover"><span class="spinner" aria-hidden="true" /><span>{say(wallet.drawing)}</span></p>
            )}
          </div>
        </div>
        <p class="w-left" role="timer" aria-live="off">{code && <><strong>{say(wallet.seconds, { n: Math.max(1, Math.ceil(left / 1000)) })}</strong> {say(wallet.renewing)}</>}</p>
        {drawn && <Notes kind={code?.kind} forced={show.forced} tries={show.tries} bare={show.bare} missing={missing} purpose={purpose} toOnline={() => force(false)} toOffline={!care && code && !offline && view ? () => force(true) : undefined} />}
        {care && code && <Spoken offline={offline} />}
        <dl class="w-told">
          <div><dt>{say(wallet.theySee)}</dt><dd>{labels(type, show.fields)}</dd></div>
          {!offline && !purpose && <div><dt>{say(wallet.toWhom)}</dt><dd>{say(wallet.toAnybody)}</dd></div>}
          {code && !offline && <div><dt>{say(wallet.typeIt)}</dt><dd><code class="w-code">{code.text.replace(/(.{4})(?=.)/g, '$1 ')}</code></dd></div>}
        </dl>
      </div>
      <button type="button" class="w-close" onClick={close}>{say(wallet.closeShow)}</button>
    </section>
  )
}
