// Walks through the steps of a vector of testdata/vectors/bundle with an SDK, and gives the answer to each.

const states = ['valid', 'invalid', 'suspended', 'application-specific']

export async function answerSteps(sdk, v) {
  let now = 0
  const counter = async () => {
    const bundles = await sdk.Bundles.open({ baseUrl: v.base, pinnedRoots: v.roots, statuses: true, now: () => now })
    return { bundles, checker: new sdk.OfflineChecker({ trust: bundles, revoked: () => bundles.revoked(), now: () => now }) }
  }
  const coded = async (run) => {
    try {
      return await run()
    } catch (e) {
      if (!(e instanceof sdk.ShowcardError)) throw e
      return e.code
    }
  }
  let desk = await counter()
  const answer = {
    take: (s) => coded(() => desk.bundles.take(bytes(s.bundle ?? '')).then(() => 'taken')),
    restart: async () => {
      const kept = desk.bundles.kept()
      desk = await counter()
      return coded(() => desk.bundles.restore(kept).then(() => 'taken'))
    },
    wants: () => JSON.stringify(ordered(desk.bundles.wants())),
    status: (s) => {
      const home = { baseUrl: v.base, statusPrefix: `${v.base}/status/` }
      return coded(async () => states[(await desk.bundles.status({ uri: home.statusPrefix + s.list, idx: s.idx }, home)).status])
    },
    check: async (s) => {
      const r = await desk.checker.check(s.code, { audiences: ['any', 'bank'] })
      return r.outcome === 'valid' ? 'valid' : r.reasons.join('+')
    },
  }
  const answers = []
  for (const s of v.steps) {
    now = s.at * 1000
    answers.push(await answer[s.do](s))
  }
  return answers
}

/** What is to be answered. */
export function expectedSteps(v) {
  return v.steps.map((s) => (s.do === 'wants' ? JSON.stringify(ordered(s.wants)) : s.expect))
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
}

/** One spelling: names in their order. */
function ordered(value) {
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, e]) => [k, ordered(e)]))
}
