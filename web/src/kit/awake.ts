// Keeps the screen on while a code is shown or a queue waits. Where the browser cannot promise that, so be it.

let lock: WakeLockSentinel | undefined
let wanted = false

export function awake(on: boolean): void {
  wanted = on
  if (!('wakeLock' in navigator)) return
  if (!on) {
    void lock?.release().catch(() => undefined)
    lock = undefined
    return
  }
  if (document.hidden) return
  navigator.wakeLock.request('screen').then((held) => {
    void lock?.release().catch(() => undefined)
    lock = held
    if (!wanted) awake(false)
  }, () => undefined)
}

// The browser lets it go when the page is hidden.
document.addEventListener('visibilitychange', () => { if (wanted && !document.hidden) awake(true) })
