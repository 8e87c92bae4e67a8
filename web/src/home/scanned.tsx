// Where a phone's own camera lands when codes are written as addresses. The code in the address is not looked at: only a checker's
// request may spend it.
import '../kit/theme.css'
import { type JSX, render } from 'preact'
import { usePrefs } from '../kit/prefs'
import { say } from '../kit/text'
import { Page } from '../kit/ui'
import { home } from '../strings/home'

function Scanned(): JSX.Element {
  usePrefs()
  return (
    <Page title={home.scannedTitle}>
      <h1>{say(home.scannedTitle)}</h1>
      <p class="lead">{say(home.scanned)}</p>
      <nav class="doors"><a class="door" href="/check"><strong>{say(home.toCheck)}</strong></a></nav>
    </Page>
  )
}

render(<Scanned />, document.getElementById('app') as HTMLElement)
