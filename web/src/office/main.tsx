import '../kit/theme.css'
import { type JSX, render } from 'preact'
import { usePrefs } from '../kit/prefs'
import { say } from '../kit/text'
import { Page } from '../kit/ui'
import { home } from '../strings/home'

function App(): JSX.Element {
  usePrefs()
  return <Page title={home.office}><h1>{say(home.office)}</h1></Page>
}

render(<App />, document.getElementById('app') as HTMLElement)
