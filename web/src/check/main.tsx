import '../kit/theme.css'
import './check.css'
import { type JSX, render } from 'preact'
import { useState } from 'preact/hooks'
import { usePrefs } from '../kit/prefs'
import { type Self, type Workstation, WithWorkstation } from '../kit/workstation'
import { Page } from '../kit/ui'
import { check } from '../strings/check'
import { Counter } from './counter'
import { SetUp } from './setup'
import { type Settings, keepSettings, proposed, settingsFor } from './settings'

function Open({ w, self }: { w: Workstation; self: Self }): JSX.Element {
  usePrefs()
  const [settings, set] = useState(() => settingsFor(self))
  const [changing, change] = useState(false)
  const keep = (s: Settings): void => { keepSettings(s); set(s) }
  if (!settings || changing) return <SetUp w={w} self={self} before={proposed(self, settings)} done={(s) => { keep(s); change(false) }} back={settings && (() => change(false))} />
  return <Counter w={w} self={self} settings={settings} keep={keep} change={() => change(true)} />
}

function App(): JSX.Element {
  usePrefs()
  return <Page title={check.title} wide><WithWorkstation roles={['relying-party']} offline>{(w, self) => <Open w={w} self={self} />}</WithWorkstation></Page>
}

render(<App />, document.getElementById('app') as HTMLElement)
// The page opens without a network, too.
void import('../kit/worker').then((m) => m.takeAlong('check')).catch(() => undefined)
