// Several sounds of one rate and length, heard one at a time: each is under way all the while, so
// that one is left for another at the same sample. They are fetched in stretches, and never held
// whole. This module must not know the page.

const STRETCH = 5; // s
const AHEAD = 8; // s that are scheduled before they are heard
const LEAD = 0.1; // s between asking for a sound and hearing it
const FADE = 0.005; // s, against a click where one sound is left for another

/** The form of a WAV file, and where its samples begin. */
export function form(bytes) {
  const view = new DataView(bytes);
  let at = 12;
  let found = null;
  while (at + 8 <= view.byteLength) {
    const name = String.fromCharCode(...new Uint8Array(bytes, at, 4));
    const size = view.getUint32(at + 4, true);
    if (name === "fmt ") {
      found = { channels: view.getUint16(at + 10, true), rate: view.getUint32(at + 12, true) };
    } else if (name === "data" && found) {
      return { ...found, begin: at + 8, frames: size / (2 * found.channels) };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("no sound");
}

/** Samples of 16 bits, as each channel's own row of numbers. */
export function rows(bytes, channels) {
  const steps = new Int16Array(bytes);
  const count = steps.length / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const row = new Float32Array(count);
    for (let frame = 0; frame < count; frame += 1) {
      row[frame] = steps[frame * channels + channel] / 32768;
    }
    return row;
  });
}

async function part(address, first, last) {
  const answer = await fetch(address, { headers: { Range: `bytes=${first}-${last}` } });
  if (answer.status !== 206) throw new Error(`status ${answer.status}`);
  return answer.arrayBuffer();
}

export class Player {
  /** @param addresses of the sounds, by name. @param stopped called when it ends by itself. */
  constructor(addresses, stopped) {
    this.addresses = addresses;
    this.stopped = stopped;
    this.heard = Object.keys(addresses)[0];
    this.playing = false;
    this.at = 0; // s, where it stands while it does not play
    this.turn = 0; // of every start; what belongs to an earlier one counts no more
    this.sources = new Set();
  }

  async open() {
    const [first] = Object.values(this.addresses);
    this.form = form(await part(first, 0, 4095));
    this.length = this.form.frames / this.form.rate;
  }

  get position() {
    if (!this.playing) return this.at;
    const since = this.context.currentTime - this.began;
    return Math.min(this.length, this.at + Math.max(0, since));
  }

  /** Hear another one, from the same sample on. */
  choose(name) {
    this.heard = name;
    for (const [other, gain] of Object.entries(this.gains ?? {})) {
      const now = this.context.currentTime;
      gain.gain.setTargetAtTime(other === name ? 1 : 0, now, FADE);
    }
  }

  async play() {
    this.#prepare();
    await this.context.resume();
    if (this.playing) return;
    if (this.at >= this.length) this.at = 0;
    this.#begin();
  }

  pause() {
    const at = this.position;
    this.#silence();
    this.at = at;
  }

  seek(seconds) {
    const going = this.playing;
    this.#silence();
    this.at = Math.max(0, Math.min(this.length, seconds));
    if (going && this.at < this.length) this.#begin();
    else if (going) this.stopped();
  }

  #prepare() {
    if (this.context) return;
    try {
      this.context = new AudioContext({ sampleRate: this.form.rate });
    } catch {
      this.context = new AudioContext(); // rates that this computer does not play
    }
    this.gains = {};
    for (const name of Object.keys(this.addresses)) {
      const gain = this.context.createGain();
      gain.gain.value = name === this.heard ? 1 : 0;
      gain.connect(this.context.destination);
      this.gains[name] = gain;
    }
  }

  #silence() {
    this.turn += 1;
    this.playing = false;
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
  }

  #begin() {
    this.turn += 1;
    this.playing = true;
    this.began = Number.POSITIVE_INFINITY; // nothing is heard yet
    this.#go(this.turn).catch((error) => {
      if (error) this.pause();
      this.stopped(error);
    });
  }

  async #go(turn) {
    const { rate, frames } = this.form;
    const first = Math.round(this.at * rate);
    let next = first;
    while (next < frames) {
      const count = Math.min(STRETCH * rate, frames - next);
      const sounds = await this.#stretch(next, count);
      if (turn !== this.turn) return;
      if (next === first) this.began = Math.ceil((this.context.currentTime + LEAD) * rate) / rate;
      let due = this.began + (next - first) / rate;
      if (due < this.context.currentTime) {
        // Fetched too late: everything behind is later by as much, and still together.
        const late = this.context.currentTime + LEAD - due;
        this.began += late;
        due += late;
      }
      this.#schedule(sounds, due, next + count >= frames ? turn : 0);
      next += count;
      while (turn === this.turn && (next - first) / rate - (this.context.currentTime - this.began) > AHEAD) {
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      if (turn !== this.turn) return;
    }
  }

  async #stretch(first, count) {
    const { channels, rate, begin } = this.form;
    const size = 2 * channels;
    const from = begin + first * size;
    const names = Object.keys(this.addresses);
    const parts = await Promise.all(
      names.map((name) => part(this.addresses[name], from, from + count * size - 1)),
    );
    return names.map((name, number) => {
      const buffer = this.context.createBuffer(channels, count, rate);
      rows(parts[number], channels).forEach((row, channel) => buffer.copyToChannel(row, channel));
      return [name, buffer];
    });
  }

  #schedule(sounds, due, last) {
    for (const [name, buffer] of sounds) {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains[name]);
      this.sources.add(source);
      source.onended = () => {
        this.sources.delete(source);
        if (last && last === this.turn) {
          this.#silence();
          this.at = this.length;
          this.stopped();
        }
      };
      source.start(due);
    }
  }
}
