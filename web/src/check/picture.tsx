import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { said } from '../kit/api'
import { say } from '../kit/text'
import { check } from '../strings/check'
import type { Desk } from './desk'
import { recognise } from './foreign'
import { type Reader, lastDrawn, pixelsOf } from './reader/reader'

/** Pictures that are chosen, dropped or pasted: read on this device first, and by the server where nothing was found. */
export function Picture({ desk, reader }: { desk: Desk; reader: Reader }): JSX.Element {
  const [over, setOver] = useState(false)
  const take = (file: File): void => { void look(file, desk, reader) }
  useEffect(() => {
    const leave = (e: DragEvent): void => { if (!e.relatedTarget) setOver(false) }
    const drag = (e: DragEvent): void => { e.preventDefault(); if (e.dataTransfer?.types.includes('Files')) setOver(true) }
    const drop = (e: DragEvent): void => {
      e.preventDefault()
      setOver(false)
      const file = e.dataTransfer?.files[0]
      const text = e.dataTransfer?.getData('text')
      if (file) take(file)
      else if (text?.trim()) desk.scan(text.slice(0, 8_192), performance.now())
    }
    const paste = (e: ClipboardEvent): void => {
      const file = e.clipboardData?.files[0]
      if (file) { e.preventDefault(); take(file) }
    }
    document.addEventListener('dragover', drag)
    document.addEventListener('dragleave', leave)
    document.addEventListener('drop', drop)
    document.addEventListener('paste', paste)
    return () => {
      document.removeEventListener('dragover', drag)
      document.removeEventListener('dragleave', leave)
      document.removeEventListener('drop', drop)
      document.removeEventListener('paste', paste)
    }
  }, [desk, reader])
  return (
    <div class="c-picture">
      <label class="button quiet" for="picture">{say(check.picture)}</label>
      <input id="picture" class="sr" type="file" accept="image/*" onChange={(e) => { const f = e.currentTarget.files?.[0]; e.currentTarget.value = ''; if (f) take(f) }} />
      <p class="hint small">{say(check.pictureDrop)}</p>
      {over && <div class="c-over" aria-hidden="true">{say(check.pictureDropHere)}</div>}
    </div>
  )
}

async function look(file: File, desk: Desk, reader: Reader): Promise<void> {
  const began = performance.now()
  const refuse = (code: string, title: readonly [string, string], next: readonly [string, string]): void => desk.refuse(code, began, { code, title: said(title), next: said(next) })
  const pixels = await open(file).catch(() => undefined)
  if (!pixels) { refuse('image-format', check.pictureNot, check.pictureNotNext); return }
  const image = lastDrawn()
  const found = [...new Set((await reader.read(pixels, true)).map((r) => r.text))]
  const ours = found.filter((text) => recognise(text).kind !== 'foreign')
  if (ours.length > 1) refuse('image-several-codes', check.pictureSeveral, check.pictureSeveralNext)
  else if (ours[0] ?? found[0]) desk.scan(ours[0] ?? found[0] ?? '', began)
  else if (desk.standby.online) desk.picture(image, began)
  else refuse('image-no-code', check.pictureNone, check.pictureOffline)
}

async function open(file: File): Promise<ImageData | undefined> {
  const url = URL.createObjectURL(file)
  try {
    const image = new Image()
    image.src = url
    await new Promise<void>((resolve, reject) => { image.onload = () => resolve(); image.onerror = () => reject(new Error('no picture')) })
    return pixelsOf(image, image.naturalWidth || 1000, image.naturalHeight || 1000, 2000)
  } finally { URL.revokeObjectURL(url) }
}
