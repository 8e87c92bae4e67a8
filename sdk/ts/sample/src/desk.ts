import { type Client, Problem, type RemoteTrust, type Text, type Verification, verifyReceipt } from '@showcard/sdk'

/** What the hospital writes down of a patient. */
export interface Patient {
  readonly visit: string
  readonly name: string
  readonly sex: string
  readonly birthDate: string
  readonly idNumber: string
  /** Of a medical insurance credential; empty of who showed an identity card, and pays alone. */
  readonly insuredRegion: string
  readonly insuranceType: string
  /** Looked up at the moment of the check. */
  readonly insuredState: string
  /** Id of the check, under which its receipt is filed. */
  readonly check: string
}

/** What the clerk reads. */
export type Registered =
  | { readonly registered: true; readonly patient: Patient; readonly receipt: string }
  | { readonly registered: false; readonly code: string; readonly say: Text; readonly then: Text }

/** The registration desk: a patient shows a medical insurance credential or an identity card, and gets a number. */
export class Desk {
  #visits = 0

  constructor(
    private readonly client: Client,
    private readonly trust: RemoteTrust,
  ) {}

  /** Checks a code, and registers the patient when the answer is a yes. */
  async register(code: string): Promise<Registered> {
    let answer: Verification
    try {
      answer = await this.client.verify({ code, purpose: 'medical-registration', receipt: true })
    } catch (e) {
      if (!(e instanceof Problem)) throw e
      return refused(e.code, e.title, e.next)
    }
    if (answer.outcome !== 'valid') {
      const [reason] = answer.reasons
      return refused(reason?.code ?? answer.outcome, reason?.title, reason?.next)
    }
    // What goes into the file is genuine, or it does not go there.
    const receipt = answer.receipt ?? (await this.client.receipt(answer.id)).receipt
    await verifyReceipt(await this.trust.current(), receipt)
    const field = (name: string): string => String(answer.claims?.[name] ?? '')
    this.#visits++
    const patient: Patient = {
      visit: `A${String(this.#visits).padStart(3, '0')}`, name: field('name'), sex: field('sex'), birthDate: field('birth_date'), idNumber: field('id_number'),
      insuredRegion: field('insured_region'), insuranceType: field('insurance_type'), insuredState: String(answer.live?.['insured_state'] ?? ''), check: answer.id,
    }
    return { registered: true, patient, receipt }
  }
}

const unknown: Text = { zh: '无法核验。', en: 'It could not be checked.' }
const again: Text = { zh: '请稍后再试。', en: 'Try again later.' }

function refused(code: string, say: Text = unknown, then: Text = again): Registered {
  return { registered: false, code, say, then }
}

/** One line of the patients' list. */
export function row(p: Patient): string {
  return [p.visit, p.name, p.sex, p.birthDate, p.idNumber, p.insuredRegion, p.insuranceType, p.insuredState, p.check].join('\t')
}
