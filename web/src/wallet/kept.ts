import { load, store } from '../kit/idb'
import type { Holding } from './data'

// The certificates last seen, so that the page opens without a network. What is kept is what the card's face shows to whoever holds
// the phone anyway: names of types, states, views, and the masked values of the face. It is not sealed: a key for that would have to
// lie beside it, for the page must open by itself, and would be a lock with its key in it. So nothing is kept that is worth one:
// no number in full, no address, no portrait. Signing out removes it.

const name = 'seen'
// Kinds of fields that a face may have are few; keeping two is enough, and the others are not kept.
const onFace = /^(name|owner|id_number|social_security_number|unified_social_credit_code|plate_number)$/

export async function keep(all: readonly Holding[]): Promise<void> {
  await store('wallet', name, all.map((h) => ({ ...h, fields: h.fields.filter((f) => onFace.test(f.field)) })))
}
export const lastSeen = (): Promise<Holding[] | undefined> => load<Holding[]>('wallet', name)
