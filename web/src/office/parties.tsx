import type { JSX } from 'preact'
import { pick, say } from '../kit/text'
import { Button, Empty, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeregistry } from '../strings/officeregistry'
import { Head, Loads, Panel, type Place, State, Table, series } from './parts'
import { PartyForm } from './partyform'
import { PartyView } from './partyview'
import { typeName, useCatalogue } from './certificates'
import { parties } from './registry'

export default function Parties(place: Place): JSX.Element {
  const [id, what] = place.at
  if (id === '+') return <PartyForm {...place} />
  if (id && what === 'edit') return <PartyForm key={id} {...place} id={id} />
  return id ? <PartyView key={id} {...place} id={id} usage={what === 'usage'} /> : <All {...place} />
}

const order = ['registered', 'approved', 'suspended', 'released', 'rejected', 'retired']

function All({ w, self, go }: Place): JSX.Element {
  const of = useLoad(() => parties(w), [])
  const c = useCatalogue()
  return (
    <>
      <Head title={say(office.navParties)} lead={say(officeregistry.partiesLead)}>{self.role === 'operator' && <Button onClick={() => go('parties', '+')}>{say(officeregistry.register)}</Button>}</Head>
      <Panel>
        <Loads of={of}>{(all) => (all.length === 0 ? <Empty>{say(officeregistry.noParties)}</Empty> : (
          <Table caption={say(office.navParties)} rows={[...all].sort((a, b) => order.indexOf(a.state ?? '') - order.indexOf(b.state ?? ''))} keyOf={(p) => p.id} tone={(p) => (p.state === 'registered' ? 'warn' : p.state === 'suspended' ? 'bad' : undefined)} columns={[
            { head: say(officeregistry.party), cell: (p) => <><a href={`#parties/${p.id}`}><strong>{pick(p.name)}</strong></a><p class="mono small">{p.id}</p></> },
            { head: say(officeregistry.types), cell: (p) => series([...new Set(p.grants.map((g) => typeName(c, g.type)))]) || '—' },
            { head: say(officeregistry.life), cell: (p) => <State of={p.state ?? ''} /> },
          ]} />
        ))}</Loads>
      </Panel>
    </>
  )
}
