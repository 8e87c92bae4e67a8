// The landing page: three doors.
import '../kit/theme.css'
import { type JSX, render } from 'preact'
import { config } from '../kit/config'
import { usePrefs } from '../kit/prefs'
import { say } from '../kit/text'
import { Page } from '../kit/ui'
import { home } from '../strings/home'

function Home(): JSX.Element {
  usePrefs()
  return (
    <Page title={home.title}>
      <h1>{say(home.title)}</h1>
      <p class="lead">{say(home.lead)}</p>
      <nav class="doors">
        <a class="door first" href="/wallet"><strong>{say(home.wallet)}</strong><span>{say(home.walletNote)}</span></a>
        <a class="door" href="/check"><strong>{say(home.check)}</strong><span>{say(home.checkNote)}</span></a>
        <a class="door" href="/office"><strong>{say(home.office)}</strong><span>{say(home.officeNote)}</span></a>
      </nav>
      <p class="small">{say(home.phones)} <span class="address">{config.publicUrl}</span></p>
    </Page>
  )
}

render(<Home />, document.getElementById('app') as HTMLElement)
