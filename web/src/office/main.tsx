// The office's console: for departments, relying parties, operators and auditors.
import '../kit/theme.css'
import './office.css'
import { type ComponentType, type JSX, render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { usePrefs } from '../kit/prefs'
import { type Pair, pick, say } from '../kit/text'
import { Button, Dialog, Empty, Failure, Loading, Page, useRoute } from '../kit/ui'
import { type Role, type Self, WithWorkstation, type Workstation, leave } from '../kit/workstation'
import { office } from '../strings/office'
import { shared } from '../strings/shared'
import { staff } from '../strings/staff'
import type { Place, Whole } from './parts'

interface Section {
  readonly id: string
  readonly name: Pair
  readonly roles: readonly Role[]
  readonly load: () => Promise<{ default: ComponentType<Place> }>
}

// In the order of a working day. Each is a file of its own, loaded when it is opened.
const sections: readonly Section[] = [
  { id: 'push', name: office.navPush, roles: ['department'], load: () => import('./push/push') },
  { id: 'certificates', name: office.navCertificates, roles: ['department'], load: () => import('./certificates') },
  { id: 'registered', name: office.navRegistered, roles: ['relying-party'], load: () => import('./registered') },
  { id: 'usage', name: office.navUsage, roles: ['relying-party'], load: () => import('./usage') },
  { id: 'queue', name: office.navQueue, roles: ['operator'], load: () => import('./queue') },
  { id: 'audit', name: office.navAudit, roles: ['auditor'], load: () => import('./audit') },
  { id: 'monitor', name: office.navMonitor, roles: ['operator', 'auditor'], load: () => import('./monitor') },
  { id: 'parties', name: office.navParties, roles: ['operator', 'auditor'], load: () => import('./parties') },
  { id: 'clients', name: office.navClients, roles: ['operator', 'auditor'], load: () => import('./clients') },
  { id: 'trust', name: office.navTrust, roles: ['operator', 'auditor'], load: () => import('./trust') },
  { id: 'freeze', name: office.navFreeze, roles: ['operator', 'auditor'], load: () => import('./freeze') },
  { id: 'ratings', name: office.navRatings, roles: ['relying-party', 'operator', 'auditor'], load: () => import('./ratings') },
  { id: 'devices', name: office.navDevices, roles: ['operator'], load: () => import('./devices') },
  { id: 'history', name: office.navHistory, roles: ['operator', 'auditor'], load: () => import('./history') },
  { id: 'prove', name: office.navAudit, roles: ['operator'], load: () => import('./audit') },
  { id: 'types', name: office.navTypes, roles: ['department', 'operator', 'auditor'], load: () => import('./types') },
  { id: 'keys', name: office.navKeys, roles: ['department', 'relying-party', 'operator', 'auditor'], load: () => import('./keys') },
]

const loaded = new Map<string, ComponentType<Place>>()

function Lazy({ section, place }: { section: Section; place: Place }): JSX.Element {
  const [failed, fail] = useState<unknown>()
  const [, again] = useState(0)
  const Known = loaded.get(section.id)
  useEffect(() => {
    if (Known) return
    let gone = false
    fail(undefined)
    section.load().then((m) => { loaded.set(section.id, m.default); if (!gone) again((n) => n + 1) }, (e: unknown) => { if (!gone) fail(e) })
    return () => { gone = true }
  }, [section.id])
  if (Known) return <Known key={section.id} {...place} />
  return failed === undefined ? <Loading /> : <><p>{say(office.sectionFailed)}</p><Failure error={failed} again={() => location.reload()} /></>
}

function Desk({ w, first }: { w: Workstation; first: Self }): JSX.Element {
  const [self, setSelf] = useState(first as Whole)
  const [route, go] = useRoute()
  const [menu, setMenu] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const mine = sections.filter((s) => s.roles.includes(self.role))
  const here = route.length ? mine.find((s) => s.id === route[0]) : mine[0]
  useEffect(() => setMenu(false), [route.join('/')])
  const place: Place = { w, self, at: route.slice(1), go, refresh: async () => setSelf((await w.self()) as Whole) }
  const name = pick(self.party?.name) || self.authorities?.map((a) => pick(a.name)).join(' · ') || ''
  return (
    <div class="o-desk">
      <aside class="o-side">
        <div class="o-who">
          <span class="o-role">{say(staff[self.role])}</span>
          {name && <strong>{name}</strong>}
          <span class="mono o-client">{self.id}</span>
        </div>
        <button type="button" class="o-menu" aria-expanded={menu} aria-controls="o-nav" onClick={() => setMenu(!menu)}><span>{here ? say(here.name) : say(office.menu)}</span><span aria-hidden="true">{menu ? '▲' : '▼'}</span></button>
        <nav id="o-nav" class={menu ? 'o-nav open' : 'o-nav'} aria-label={say(office.menu)}>
          {mine.map((s) => <a href={`#${s.id}`} aria-current={s === here ? 'page' : undefined}>{say(s.name)}</a>)}
          <button type="button" class="o-leave" onClick={() => setLeaving(true)}>{say(office.leave)}</button>
        </nav>
      </aside>
      <div class="o-main">{here ? <Lazy key={here.id} section={here} place={place} /> : <Empty>{say(office.noSection)}</Empty>}</div>
      {leaving && (
        <Dialog title={say(office.leave)} onClose={() => setLeaving(false)}>
          <p>{say(office.leaveAsk)}</p>
          <div class="row o-end">
            <Button kind="quiet" onClick={() => setLeaving(false)}>{say(shared.cancel)}</Button>
            <Button kind="danger" onClick={() => { void leave().finally(() => { location.hash = ''; location.reload() }) }}>{say(office.leave)}</Button>
          </div>
        </Dialog>
      )}
    </div>
  )
}

function App(): JSX.Element {
  usePrefs()
  return (
    <Page title={office.title} wide>
      <WithWorkstation roles={['department', 'relying-party', 'operator', 'auditor']}>{(w, self) => <Desk w={w} first={self} />}</WithWorkstation>
    </Page>
  )
}

render(<App />, document.getElementById('app') as HTMLElement)
